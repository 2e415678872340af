"""How the CPU time of a posted event divides among the parts of the API's code.

Run it with `.venv/bin/python -m benchmarks.ingest_profile`. It needs no server: the bytes of requests go into
connections of the real HTTP server, which runs the real API over a log in memory. So Kafka's client (`ingest_choices`)
and the operating system are not included.
"""

from __future__ import annotations

import asyncio
import cProfile
import pstats
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from itertools import cycle, islice
from typing import Any

import uvicorn
import uvloop
from uvicorn.server import ServerState

from benchmarks.ingest_load import request
from benchmarks.record import record
from ingest_api.application import create_app
from ingest_api.emulator.drawing import draw_posts
from ingest_api.emulator.emulation import DEFAULT_SEED
from ingest_api.guarded_connection import GuardedConnection
from ingest_api.metrics import IngestMetrics
from pinterest_platform.settings import Settings
from pinterest_platform_tests.support.memory_publisher import MemoryPublisher

CONNECTIONS, ROUNDS = 128, 20
# By the first of these that the file's path has in it.
PARTS = {
    "uvicorn": "HTTP server (uvicorn)",
    "guarded_connection": "HTTP server (uvicorn)",
    "request_frame": "frame: id, counting",
    "prometheus_client": "frame: id, counting",
    "body": "reading the body",
    "posted_event": "reading the event",
    "event_ids": "reading the event",
    "orjson": "reading the event",
    "memory_publisher": "the log in memory",
    "partitioner": "the log in memory",
    "ingest_api": "intake and answer",
    "starlette": "intake and answer",
}


class Nowhere(asyncio.Transport):
    """A client that takes every answer."""

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"sockname": ("127.0.0.1", 1), "peername": ("127.0.0.1", 2)}.get(name, default)

    def write(self, data: Any) -> None: ...

    def is_closing(self) -> bool:
        return False

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


def main() -> None:
    uvloop.run(_profile())


async def _profile() -> None:
    log = MemoryPublisher()
    await log.open()
    state, requests = ServerState(), _requests()
    connections = list(_connections(create_app(Settings(), log, IngestMetrics()), state))

    async def work() -> None:
        for _ in range(ROUNDS):
            for connection in connections:
                connection.data_received(next(requests))
            while state.tasks:
                await asyncio.sleep(0)

    await work()
    began = time.process_time()
    await work()
    took = (time.process_time() - began) / (CONNECTIONS * ROUNDS) * 1e6
    print(f"{took:.0f} us of CPU an event, not profiled")
    record("ingest_profile", "CPU an event", took, "us")
    profile = cProfile.Profile()
    profile.enable()
    await work()
    profile.disable()
    _show(profile)


def _requests() -> Iterator[bytes]:
    posts = islice(draw_posts(DEFAULT_SEED, lambda: str(uuid.uuid4())), 5_000)
    return cycle([request("/pin/", post.body) for post in posts])


def _connections(app: Any, state: ServerState) -> Iterator[GuardedConnection]:
    configuration = uvicorn.Config(
        app, http=GuardedConnection, ws="none", log_config=None, access_log=False, proxy_headers=False
    )
    configuration.load()
    for _ in range(CONNECTIONS):
        connection = GuardedConnection(configuration, state, {}, asyncio.get_running_loop())
        connection.connection_made(Nowhere())
        yield connection


def _show(profile: cProfile.Profile) -> None:
    functions: dict[Any, Any] = vars(pstats.Stats(profile))["stats"]
    shares: Counter[str] = Counter()
    for (file, _line, name), (_primitive, _calls, own, *_rest) in functions.items():
        where = name if file == "~" else file
        shares[next((part for mark, part in PARTS.items() if mark in where), "Python and its event loop")] += own
    for part, seconds in shares.most_common():
        print(f"{seconds / shares.total():6.1%}  {part}")
        record("ingest_profile", f"share of {part}", 100 * seconds / shares.total(), "%")


if __name__ == "__main__":
    main()
