"""The platform's own Prometheus exporter: `python -m infra.platform_exporter`."""

from __future__ import annotations

import sys

import httpx

from infra.local_stack.environment import python_environment
from infra.local_stack.place import LOOPBACK, Place
from infra.local_stack.server import Server

NAME = "platform-exporter"


def platform_exporter(place: Place) -> Server:
    """The exporter. It keeps running while Dagster or PostgreSQL is unavailable, and exports that."""
    port = place.settings.platform_exporter_port
    return Server(
        name=NAME,
        address=f"http://{LOOPBACK}:{port}",
        ports={"platform_exporter_port": port},
        command=(sys.executable, "-m", "infra.platform_exporter"),
        folder=place.state,
        check=lambda: _check(port),
        depends_on=("postgres",),
        environment=python_environment(place),
        memory_mib=40,
        start_seconds=30,
        is_needed=False,
    )


def _check(port: int) -> None:
    with httpx.Client(trust_env=False, timeout=5) as client:
        # The only path that it answers without querying Dagster and PostgreSQL, which may be slow or unavailable.
        client.get(f"http://{LOOPBACK}:{port}/favicon.ico").raise_for_status()
