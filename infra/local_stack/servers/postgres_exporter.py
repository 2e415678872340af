"""The exporter of PostgreSQL's statistics to Prometheus. Its role, made in `postgres`, may read nothing else."""

from __future__ import annotations

import httpx

from infra.local_stack.monitoring import Monitoring
from infra.local_stack.place import LOOPBACK, Place
from infra.local_stack.server import NotHealthyError, Server

NAME = "postgres-exporter"


def postgres_exporter(place: Place, programs: Monitoring) -> Server:
    """The exporter. It is healthy once it can reach PostgreSQL."""
    settings = place.settings
    port = settings.postgres_exporter_port
    address = f"{settings.postgres_host}:{settings.postgres_port}/{settings.postgres_database}"
    return Server(
        name=NAME,
        address=f"http://{LOOPBACK}:{port}",
        ports={"postgres_exporter_port": port},
        command=(str(programs.postgres_exporter), f"--web.listen-address={LOOPBACK}:{port}"),
        folder=place.state,
        check=lambda: _check(port),
        depends_on=("postgres",),
        environment={
            "DATA_SOURCE_URI": f"{address}?sslmode={settings.postgres_ssl_mode.replace('prefer', 'disable')}",
            "DATA_SOURCE_USER": settings.postgres_monitor_user,
            "DATA_SOURCE_PASS": place.credentials.postgres_monitor_password,
        },
        memory_mib=20,
        start_seconds=30,
        is_needed=False,
    )


def _check(port: int) -> None:
    with httpx.Client(trust_env=False, timeout=5) as client:
        text = client.get(f"http://{LOOPBACK}:{port}/metrics").raise_for_status().text
    if "\npg_up 1" not in text:
        raise NotHealthyError("it cannot reach PostgreSQL")
