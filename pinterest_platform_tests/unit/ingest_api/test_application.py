from __future__ import annotations

import asyncio

import pytest
from fastapi import FastAPI

from ingest_api.publisher import BrokerUnavailableError
from pinterest_platform_tests.support.memory_publisher import MemoryPublisher


def test_the_publisher_is_open_while_the_application_runs_and_only_then(app: FastAPI, log: MemoryPublisher) -> None:
    async def scenario() -> None:
        with pytest.raises(BrokerUnavailableError):
            await log.check_writable()
        async with app.router.lifespan_context(app):
            await log.check_writable()
        with pytest.raises(BrokerUnavailableError):
            await log.check_writable()

    asyncio.run(scenario())
