"""Builds the API from its parts. `__main__` chooses the publisher and the server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib import metadata

from fastapi import APIRouter, FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ingest_api.admission import Admission
from ingest_api.body_clock import BodyClock
from ingest_api.docs_page import docs_routes
from ingest_api.event_ids import EventIds
from ingest_api.health_routes import HealthChecks
from ingest_api.intake import Intake
from ingest_api.metrics import IngestMetrics
from ingest_api.metrics_route import metrics_route
from ingest_api.pin_routes import pin_routes
from ingest_api.posted_batch import BatchReader
from ingest_api.publisher import Publisher
from ingest_api.request_body import BODY_SECONDS
from ingest_api.request_frame import RequestFrame
from ingest_api.write_keys import HEADER, WriteKeys
from pinterest_platform.pins.calendar import now_ms
from pinterest_platform.settings import Settings

Endpoint = Callable[[Request], Awaitable[Response]]


class IngestApi(FastAPI):
    """The ASGI application. FastAPI serves the OpenAPI page and all routes except posts, which go to the intake.

    FastAPI's way to an endpoint (six layers, dependencies, an exit stack) costs as much as reading an event.
    """

    def __init__(
        self, publisher: Publisher, intake: Intake, metrics: IngestMetrics, docs: APIRouter, *, logs_all: bool
    ) -> None:
        super().__init__(
            title="Pinterest ingest API",
            version=metadata.version("pinterest-platform"),
            description="Accepts posted pins and answers once Kafka has acknowledged them.",
            lifespan=_while_open(publisher),
            # FastAPI's own pages load files from another host.
            docs_url=None,
            redoc_url=None,
        )
        self.include_router(pin_routes(intake))
        self.include_router(docs)
        self.include_router(HealthChecks(publisher).routes())
        self.include_router(metrics_route(metrics, intake.keys))
        self._posts: dict[str, Endpoint] = {"/pin/": intake.post_pin, "/pins/": intake.post_pins}
        if intake.keys.are_demanded:
            schemes = self.openapi()["components"].setdefault("securitySchemes", {})
            schemes[HEADER] = {"type": "apiKey", "in": "header", "name": HEADER}
        routes = [*self.openapi()["paths"], "/openapi.json", "/docs"]
        self._frame = RequestFrame(self._dispatch, metrics, routes, logs_all=logs_all)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one ASGI connection."""
        await self._frame(scope, receive, send)

    async def _dispatch(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "POST" and (post := self._posts.get(scope["path"])):
            response = await post(Request(scope, receive))
            await response(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def create_app(
    settings: Settings,
    publisher: Publisher,
    metrics: IngestMetrics,
    *,
    clock: Callable[[], int] = now_ms,
    new_event_id: Callable[[], str] | None = None,
    body_seconds: float = BODY_SECONDS,
) -> IngestApi:
    """The API with `publisher`, which it opens when it starts and closes when it stops.

    `clock` gives milliseconds since 1970 UTC, `new_event_id` the text of a UUID.
    """
    new_event_id = new_event_id or EventIds()
    admission = Admission(settings.ingest_queue_limit_events, settings.ingest_batches_limit_bytes)
    metrics.events_in_flight.set_function(lambda: admission.events)
    metrics.events_in_flight_limit.set(settings.ingest_queue_limit_events)
    keys = WriteKeys(settings.ingest_write_keys)
    for owner in keys.owners:
        metrics.events_unconfirmed.labels(owner)  # Prometheus sees no increase in a series that begins above 0
    intake = Intake(
        publisher=publisher,
        keys=keys,
        admission=admission,
        metrics=metrics,
        batches=BatchReader(settings.ingest_batch_limit_events, settings.ingest_event_limit_bytes, new_event_id),
        body_clock=BodyClock(body_seconds),
        event_limit=settings.ingest_event_limit_bytes,
        batch_limit=settings.ingest_batch_limit_bytes,
        clock=clock,
        new_event_id=new_event_id,
    )
    docs = docs_routes(settings.ingest_docs_folder)
    return IngestApi(publisher, intake, metrics, docs, logs_all=settings.ingest_access_log)


def _while_open(publisher: Publisher) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await publisher.open()
        try:
            yield
        finally:
            await publisher.close()

    return lifespan
