"""Runs the queries of the dashboards' panels in Prometheus."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from typing import Any

import httpx

from infra.grafana.files import FOLDER
from infra.local_stack.settings import LocalStackSettings

_STEP = 3
_SPAN = 60
_VARIABLE = re.compile(r"\$\{?(\w+)(?::\w+)?\}?")
_INTERVALS = {"__rate_interval": "30s", "__interval": "3s", "__range": "1m"}


def prometheus(settings: LocalStackSettings, what: str, **parameters: object) -> Any:
    url = f"http://127.0.0.1:{settings.prometheus_port}/api/v1/{what}"
    answer = httpx.get(url, params={name: str(value) for name, value in parameters.items()}, timeout=10).json()
    assert answer["status"] == "success", answer
    return answer["data"]


def panels_without_data(settings: LocalStackSettings) -> list[str]:
    """Each query of each panel that no series answers, by dashboard and title."""
    return [f"{where}: {query}" for where, query, instant in _queries() if not _series(settings, query, instant)]


def _queries() -> Iterator[tuple[str, str, bool]]:
    for file in sorted(FOLDER.glob("*.json")):
        dashboard = json.loads(file.read_text())
        values = {each["name"]: each["current"]["value"] for each in dashboard["templating"]["list"]} | _INTERVALS
        for panel in dashboard["panels"]:
            for target in panel.get("targets", ()):
                query = _filled(target["expr"], values)
                yield f"{dashboard['title']}, {panel['title']}", query, target["instant"]


def _filled(expression: str, values: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda found: values[found[1]], expression)


def _series(settings: LocalStackSettings, query: str, instant: bool) -> Any:
    now = time.time()
    if instant:
        return prometheus(settings, "query", query=query, time=now)["result"]
    return prometheus(settings, "query_range", query=query, start=now - _SPAN, end=now, step=_STEP)["result"]
