"""Warnings from Prometheus for `make status`: targets that cannot be scraped, and firing alerts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import httpx

from infra.command_line.status import ServerStatus
from infra.local_stack.place import LOOPBACK
from infra.local_stack.servers.alertmanager import address_of
from infra.local_stack.servers.prometheus import NAME
from infra.local_stack.settings import LocalStackSettings


def what_monitoring_says(settings: LocalStackSettings, statuses: Iterable[ServerStatus]) -> list[str]:
    """One sentence per warning. Empty if all is well, and if the stack is not running."""
    statuses = list(statuses)
    if not any(status.is_needed and status.pid for status in statuses):
        return []
    silent = [
        f"{status.name} is {status.state}: the platform works, but is not monitored. make run starts what is stopped."
        for status in statuses
        if not status.is_needed and status.state != "healthy"
    ]
    watching = any(status.name == NAME and status.state == "healthy" for status in statuses)
    return silent + (list(_what_prometheus_says(settings)) if watching else [])


def watched_at(settings: LocalStackSettings) -> dict[str, str]:
    """The addresses of dashboards, Prometheus and Alertmanager; empty if Prometheus does not answer."""
    try:
        told = _ask(settings, "alertmanagers")["activeAlertmanagers"]
    except httpx.HTTPError:
        return {}
    url = _url(settings)
    pages = {"Dashboards": f"{url}/user/", "Prometheus: queries and alerts": url}
    return {**pages, "Alertmanager: silences": address_of(settings)} if told else pages


def _what_prometheus_says(settings: LocalStackSettings) -> Iterator[str]:
    try:
        targets = _ask(settings, "targets", state="active")["activeTargets"]
        alerts = _ask(settings, "alerts")["alerts"]
    except httpx.HTTPError as error:
        yield f"Prometheus does not answer: {error}"
        return
    for target in targets:
        if target["health"] == "down":
            yield f"Prometheus cannot scrape {target['labels']['job']} at {target['scrapeUrl']}: {target['lastError']}"
    for alert in alerts:
        if alert["state"] == "firing":
            yield f"Alert {alert['labels']['alertname']}: {alert['annotations'].get('summary', '')}"


def _ask(settings: LocalStackSettings, what: str, **parameters: str) -> Any:
    with httpx.Client(base_url=_url(settings), trust_env=False, timeout=5) as client:
        return client.get(f"/api/v1/{what}", params=parameters).raise_for_status().json()["data"]


def _url(settings: LocalStackSettings) -> str:
    return f"http://{LOOPBACK}:{settings.prometheus_port}"
