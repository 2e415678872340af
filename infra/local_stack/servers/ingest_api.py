"""The ingest API: `python -m ingest_api`.

Belongs here: how it is started and asked whether it may take events.
"""

from __future__ import annotations

import sys

import httpx

from infra.local_stack.environment import python_environment
from infra.local_stack.place import Place
from infra.local_stack.server import Server

NAME = "ingest-api"


def ingest_api(place: Place) -> Server:
    """The server; ready means that Kafka answers it."""
    settings = place.settings
    address = f"http://{settings.ingest_host}:{settings.ingest_port}"
    return Server(
        name=NAME,
        address=address,
        ports={"ingest_port": settings.ingest_port},
        command=(sys.executable, "-m", "ingest_api"),
        folder=place.state,
        check=lambda: _check(address),
        depends_on=("kafka",),
        environment=python_environment(place),
        memory_mib=120,
    )


def _check(address: str) -> None:
    with httpx.Client(trust_env=False, timeout=5) as client:
        client.get(f"{address}/health/ready").raise_for_status()
