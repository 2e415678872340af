"""The middleware for all routes: request ids, metrics, logs, and the answer 500 after an unexpected error."""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Callable, Collection
from itertools import count
from typing import Any

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ingest_api import json_logs
from ingest_api.metrics import IngestMetrics

REASON = "ingest.reason"
"""The key in the scope for the reason of a refusal, which is logged."""

logger = logging.getLogger("ingest_api.requests")
_GOOD_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")


class RequestFrame:
    """An ASGI application around another one. Requests to paths outside `routes` are counted as one route, `other`."""

    def __init__(
        self,
        app: ASGIApp,
        metrics: IngestMetrics,
        routes: Collection[str],
        *,
        logs_all: bool = False,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._routes = frozenset(routes)
        self._logs_all = logs_all
        self._clock = clock
        self._prefix = f"{uuid.uuid4().hex[:12]}-".encode()
        self._numbers = count(1)
        self._counters: dict[tuple[str, str, int], Any] = {}
        self._durations = {route: metrics.request_duration.labels(route) for route in (*routes, "other")}
        self.in_progress = 0
        metrics.requests_in_progress.set_function(lambda: self.in_progress)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets `app` answer the request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = self._clock()
        identity = self._identity(scope)
        json_logs.request_id.set(identity.decode())
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", identity)]
            await send(message)

        self.in_progress += 1
        try:
            await self._app(scope, receive, send_with_id)
        except Exception:
            logger.exception("Unexpected error in a request")
            if status == 0:
                answer = {
                    "detail": f"Unexpected error in the API. Its log has the details of request {identity.decode()}."
                }
                await JSONResponse(answer, 500)(scope, receive, send_with_id)
            status = 500
        finally:
            self.in_progress -= 1
            self._note(scope, status, self._clock() - began)

    def _identity(self, scope: Scope) -> bytes:
        for name, value in scope["headers"]:
            if name == b"x-request-id" and _GOOD_ID.fullmatch(value):
                return bytes(value)
        return self._prefix + b"%d" % next(self._numbers)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = scope["path"] if scope["path"] in self._routes else "other"
        counted = (route, scope["method"], status)
        if (counter := self._counters.get(counted)) is None:
            counter = self._counters[counted] = self._metrics.requests.labels(*map(str, counted))
        counter.inc()
        self._durations[route].observe(seconds)
        if self._logs_all or status >= 400:
            level = logging.WARNING if status >= 500 else logging.INFO
            said = {"route": route, "method": scope["method"], "status": status, "seconds": round(seconds, 4)}
            logger.log(level, "answered %d", status, extra=said | {"reason": scope.get(REASON)})
