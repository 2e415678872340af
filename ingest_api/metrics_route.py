"""`/metrics`, for Prometheus.

The metrics show the names of write keys and how much each posts. So if there are write keys, only this machine and
holders of a key may read them. A request through a proxy does not count as from this machine.
"""

from __future__ import annotations

import ipaddress
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from ingest_api.answers import Failure, failure_answer
from ingest_api.metrics import IngestMetrics
from ingest_api.write_keys import HEADER, UnknownKeyError, WriteKeys

_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_PASSED_ON = ("forwarded", "x-forwarded-for", "via")
_PAGE: dict[str, Any] = {"description": "Prometheus' text format.", "content": {"text/plain": {}}}


def metrics_route(metrics: IngestMetrics, keys: WriteKeys) -> APIRouter:
    """The route, with its OpenAPI description."""

    async def read_metrics(request: Request) -> Response:
        """All metrics of this API."""
        try:
            if not _is_local(request):
                keys.owner(request.headers.get(HEADER, "").encode("latin-1") or None)
        except UnknownKeyError as error:
            return failure_answer(error)[1]
        return Response(metrics.page(), media_type=_CONTENT_TYPE)

    router = APIRouter(tags=["health"])
    responses: dict[int | str, dict[str, Any]] = {200: _PAGE}
    if keys.are_demanded:
        responses[401] = {
            "description": "The request is not from this machine and has no valid write key.",
            "model": Failure,
        }
    router.add_api_route("/metrics", read_metrics, summary="Metrics", responses=responses, response_class=Response)
    return router


def _is_local(request: Request) -> bool:
    if request.client is None or any(name in request.headers for name in _PASSED_ON):
        return False
    server = request.scope.get("server")
    if server and request.client.host == server[0]:
        return True  # from an address of this machine to the same one
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
