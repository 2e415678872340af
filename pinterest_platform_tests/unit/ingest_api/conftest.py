"""The API over a log in memory, with a fixed clock and consecutive ids."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any, TypeVar

import httpx
import pytest
from fastapi import FastAPI

from ingest_api.application import create_app
from ingest_api.metrics import IngestMetrics
from pinterest_platform.settings import Settings
from pinterest_platform_tests.support.memory_publisher import MemoryPublisher

T = TypeVar("T")
NOW = 1_700_000_000_123


class ApiClient:
    """Sends one request after the other to an application in this process."""

    def __init__(self, app: FastAPI, runner: asyncio.Runner) -> None:
        self._runner = runner
        self._client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api")

    def get(self, path: str, **request: Any) -> httpx.Response:
        return self._runner.run(self._client.get(path, **request))

    def post(self, path: str, **request: Any) -> httpx.Response:
        return self._runner.run(self.post_async(path, **request))

    async def post_async(self, path: str, **request: Any) -> httpx.Response:
        return await self._client.post(path, **request)

    def run(self, scenario: Coroutine[Any, Any, T]) -> T:
        """Several requests at once."""
        return self._runner.run(scenario)


@pytest.fixture
def log() -> MemoryPublisher:
    return MemoryPublisher()


@pytest.fixture
def metrics() -> IngestMetrics:
    return IngestMetrics()


@pytest.fixture
def app(log: MemoryPublisher, metrics: IngestMetrics) -> FastAPI:
    ids = count(1)
    return create_app(Settings(), log, metrics, clock=lambda: NOW, new_event_id=lambda: f"event-{next(ids)}")


@contextmanager
def running(app: FastAPI) -> Iterator[ApiClient]:
    """A client of the application, which has started and will be stopped."""
    lifespan = app.router.lifespan_context(app)
    with asyncio.Runner() as runner:
        runner.run(lifespan.__aenter__())
        yield ApiClient(app, runner)
        runner.run(lifespan.__aexit__(None, None, None))


@pytest.fixture
def client(app: FastAPI) -> Iterator[ApiClient]:
    with running(app) as client:
        yield client
