"""A client for Dagster's GraphQL API on the standard library, which keeps the exporter's process small."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping
from typing import Any

_SECONDS = 8  # Prometheus waits ten
_WITHOUT_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class RefusedQueryError(Exception):
    """Dagster answered, but not the question."""


def ask(url: str, query: str, variables: Mapping[str, object]) -> Any:
    """The data of the answer.

    Raises:
        OSError: Dagster's webserver does not answer.
        RefusedQueryError: it refuses the query.
    """
    body = json.dumps({"query": query, "variables": variables}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310
    with _WITHOUT_PROXY.open(request, timeout=_SECONDS) as response:
        answer = json.load(response)
    if answer.get("errors"):
        raise RefusedQueryError(answer["errors"][0]["message"])
    return answer["data"]
