"""Puts the API together.

Belongs here: wiring. Does not belong here: the choice of publisher and of server (`__main__`).
"""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI

from ingest_api.answers import add_failure_answers
from ingest_api.health_routes import HealthChecks
from ingest_api.pin_routes import PinIntake
from ingest_api.publisher import Publisher
from pinterest_platform.settings import Settings


def create_app(
    settings: Settings,
    publisher: Publisher,
    *,
    clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    new_event_id: Callable[[], str] = lambda: str(uuid.uuid4()),
) -> FastAPI:
    """The API over `publisher`, which it opens when it starts and closes when it stops."""

    @asynccontextmanager
    async def open_publisher(_app: FastAPI) -> AsyncIterator[None]:
        await publisher.open()
        try:
            yield
        finally:
            await publisher.close()

    app = FastAPI(
        title="Pinterest ingest API",
        description="Takes posted pins and answers once Kafka holds them.",
        lifespan=open_publisher,
    )
    add_failure_answers(app)
    app.include_router(PinIntake(publisher, settings.ingest_event_limit_bytes, clock, new_event_id).routes())
    app.include_router(HealthChecks(publisher).routes())
    return app
