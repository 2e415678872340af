"""The platform's own exporter: `python -m infra.platform_exporter`.

Belongs here: how it is started and asked for its health. Does not belong here: what it shows
(`infra.platform_exporter`).
"""

from __future__ import annotations

import sys

import httpx

from infra.local_stack.environment import python_environment
from infra.local_stack.place import LOOPBACK, Place
from infra.local_stack.server import Server

NAME = "platform-exporter"


def platform_exporter(place: Place) -> Server:
    """The exporter. It lives while Dagster or PostgreSQL is away, and says so."""
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
        # The one address at which it answers without asking Dagster and PostgreSQL, which may be slow, or away.
        client.get(f"http://{LOOPBACK}:{port}/favicon.ico").raise_for_status()
