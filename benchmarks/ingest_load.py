"""A cheap load client for the ingest API: several connections, each with one request in flight.

It sends prepared requests as fast as they are answered and measures each answer's time. It runs in its own process and
prints its results as one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import time
from collections import Counter
from collections.abc import Iterator
from itertools import cycle, islice
from typing import Any

import numpy as np
import psutil
import uvloop

from benchmarks.measured import cpu_seconds
from ingest_api.emulator.drawing import draw_posts
from ingest_api.emulator.emulation import DEFAULT_SEED

_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
_WARM_UP_SECONDS = 3.0
_DISTINCT = 20_000  # events, after which the same come again
_NO_ID = "00000000-0000-4000-8000-000000000000"


class Client(asyncio.Protocol):
    """Sends the next request when the last one is answered, until told to stop."""

    def __init__(self, requests: Iterator[bytes], seen: Seen) -> None:
        self._requests = requests
        self._seen = seen
        self._answer = b""
        self._sent_at = 0.0

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        answer = self._answer = self._answer + data
        head = answer.find(b"\r\n\r\n")
        if head < 0 or len(answer) < head + 4 + int(_LENGTH.search(answer)[1]):  # type: ignore[index]
            return
        self._answer = b""
        self._seen.answer(int(answer[9:12]), self._sent_at)
        self._send()

    def connection_lost(self, _error: Exception | None) -> None:
        if not self._seen.is_over:
            self._seen.statuses[0] += 1

    def _send(self) -> None:
        if self._seen.is_over:
            self._transport.close()
        else:
            self._sent_at = time.perf_counter()
            self._transport.write(next(self._requests))


class Seen:
    """Answers that came between the end of the warm-up and the end."""

    def __init__(self) -> None:
        self.is_counting = self.is_over = False
        self.statuses: Counter[int] = Counter()
        self.latencies: list[float] = []

    def answer(self, status: int, sent_at: float) -> None:
        if self.is_counting:
            self.statuses[status] += 1
            self.latencies.append(time.perf_counter() - sent_at)


def main() -> None:
    options = _options()
    print(json.dumps(uvloop.run(_load(options))))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--connections", type=int, default=128)
    parser.add_argument("--batch", type=int, default=1, help="events a request; 1: POST /pin/, more: POST /pins/")
    parser.add_argument("--seconds", type=float, default=15)
    return parser.parse_args()


async def _load(options: argparse.Namespace) -> dict[str, Any]:
    requests, seen = cycle(_requests(options.batch)), Seen()
    loop = asyncio.get_running_loop()
    for _ in range(options.connections):
        await loop.create_connection(lambda: Client(requests, seen), "127.0.0.1", options.port)
    await asyncio.sleep(_WARM_UP_SECONDS)
    seen.is_counting, began, cpu = True, time.perf_counter(), cpu_seconds(psutil.Process())
    await asyncio.sleep(options.seconds)
    seen.is_over, seconds = True, time.perf_counter() - began
    p50, p99 = np.percentile(seen.latencies or [0.0], [50, 99])
    return {
        "events": seen.statuses[200] * options.batch,
        "seconds": seconds,
        "cpu_seconds": cpu_seconds(psutil.Process()) - cpu,
        "statuses": seen.statuses,
        "p50_ms": p50 * 1_000,
        "p99_ms": p99 * 1_000,
    }


def _requests(batch: int) -> list[bytes]:
    posts = islice(draw_posts(DEFAULT_SEED, lambda: _NO_ID), _DISTINCT)
    # Without an id of their own, so that the API gives each a new one.
    bodies = [post.body.replace(b',"event_id":"' + _NO_ID.encode() + b'"', b"") for post in posts]
    if batch == 1:
        return [request("/pin/", body) for body in bodies]
    return [
        request("/pins/", b"[" + b",".join(bodies[number : number + batch]) + b"]")
        for number in range(0, len(bodies), batch)
    ]


def request(path: str, body: bytes) -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: ingest\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


if __name__ == "__main__":
    main()
