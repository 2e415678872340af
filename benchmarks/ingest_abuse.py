"""How much memory the ingest API uses under abuse, and whether other clients are still served.

Run it with `.venv/bin/python -m benchmarks.ingest_abuse`. It sends a hundred chunked bodies of 1 GiB, gzip and zstd
bombs, slow bodies, slow and endless heads, and opens 500 idle connections, while a client posts events. It fails if
memory grows by 100 MiB, or if an event of that client was not accepted.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gzip
import sys
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import aiohttp
import psutil
import uvloop
from backports import zstd

from benchmarks.ingest import APIS, own_topic, served, url_of
from benchmarks.measured import MIB
from benchmarks.record import record
from benchmarks.stack import running
from ingest_api.emulator.drawing import draw_posts
from ingest_api.emulator.emulation import DEFAULT_SEED
from pinterest_platform.settings import Settings
from pinterest_platform_tests.support.waiting import repeated

LIMIT_MIB = 100
GIB = 1024 * MIB
CHUNK = b" " * 65_536
Act = Callable[[], Awaitable[str]]


@dataclass
class Served:
    """How a well-behaved client fared."""

    slowest_seconds: float = 0.0
    statuses: Counter[int] = field(default_factory=Counter)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bodies", type=int, default=100, help="of 1 GiB, at once")
    parser.add_argument("--idle", type=int, default=500, help="connections")
    options = parser.parse_args()
    with running(["kafka"]) as settings:
        own = own_topic(settings)
        with served(own, APIS["this API"]) as api:
            return uvloop.run(_abuse(own, api, options))


async def _abuse(settings: Settings, api: psutil.Process, options: argparse.Namespace) -> int:
    abuses = _abuses(settings, options)
    async with _client(settings) as fared:
        await asyncio.sleep(5)  # imports, caches, pools
        before, peak = _rss(api), 0.0
        gained: dict[str, float] = {}
        for name, (number, act) in abuses.items():
            samples: list[float] = [_rss(api)]
            with repeated(partial(_sample, api, samples), 0.05):
                outcomes = Counter(await asyncio.gather(*(act() for _ in range(number))))
            peak = max(peak, *samples)
            said = ", ".join(f"{count} x {outcome}" for outcome, count in outcomes.most_common())
            print(f"{number:4} {name:<28} {max(samples) - before:6.1f} MiB more at the most; {said}", flush=True)
            gained[name] = max(samples) - before
    others = {status: count for status, count in fared.statuses.items() if status != 200}
    print(f"{before:.0f} MiB before, {peak - before:.1f} MiB more at the most (limit: {LIMIT_MIB})")
    print(f"a client meanwhile: {fared.statuses[200]:,} x 200, others {others}, slowest {fared.slowest_seconds:.2f} s")
    # Not before: recording would keep the client from its event loop.
    for name, mib in gained.items():
        record("ingest_abuse", f"memory gained by {name}", mib, "MiB")
    record("ingest_abuse", "memory before", before, "MiB")
    record("ingest_abuse", "memory gained at the most", peak - before, "MiB", target=f"< {LIMIT_MIB}")
    record("ingest_abuse", "the slowest answer to another client", fared.slowest_seconds, "s")
    record("ingest_abuse", "every event of another client is acknowledged", not others)
    return int(peak - before >= LIMIT_MIB or bool(others))


def _abuses(settings: Settings, options: argparse.Namespace) -> dict[str, tuple[int, Act]]:
    gzip_bomb, zstd_bomb = gzip.compress(bytes(GIB // 4)), zstd.compress(bytes(GIB))
    head = b"POST /pins/ HTTP/1.1\r\nHost: x\r\n"
    slow = head + b"Content-Length: 900000\r\n\r\n"
    announced = head + b"Content-Length: %d\r\n\r\n" % GIB
    # Each sends its chunks with a pause after each, and then waits for an answer.
    return {
        "bodies of 1 GiB in chunks": (options.bodies, lambda: _post(settings, _gigabyte())),
        "bodies of 1 GiB, announced": (options.bodies, lambda: _send(settings, [announced, *[CHUNK] * 16_384], 0)),
        "gzip bombs of 256 MiB": (20, lambda: _post(settings, gzip_bomb, "gzip")),
        "zstd bombs of 1 GiB": (20, lambda: _post(settings, zstd_bomb, "zstd")),
        "bodies that never end": (
            200,
            lambda: _send(settings, [slow, *[b" "] * 90], 0.1),
        ),
        "heads that never end": (200, lambda: _send(settings, [head, *[b"X-A: b\r\n"] * 90], 0.1)),
        "heads without a limit": (50, lambda: _send(settings, [head, *[b"X-A: " + b"b" * 8_000 + b"\r\n"] * 5_000], 0)),
        "idle connections": (options.idle, lambda: _send(settings, [b""], 0)),
    }


def _sample(api: psutil.Process, samples: list[float]) -> None:
    samples.append(_rss(api))


def _rss(process: psutil.Process) -> float:
    return float(process.memory_info().rss / MIB)


async def _gigabyte() -> AsyncIterator[bytes]:
    for _ in range(GIB // len(CHUNK)):
        yield CHUNK


async def _post(settings: Settings, body: bytes | AsyncIterator[bytes], encoding: str = "identity") -> str:
    async with aiohttp.ClientSession() as session:
        try:
            headers = {"Content-Encoding": encoding}
            async with session.post(f"{url_of(settings)}/pins/", data=body, headers=headers) as answer:
                return str(answer.status)
        except (aiohttp.ClientError, TimeoutError) as error:
            return type(error).__name__


async def _send(settings: Settings, chunks: Sequence[bytes], pause: float) -> str:
    """Send until the other side has had enough; returns its status, or that it closed without one."""
    reader, writer = await asyncio.open_connection(settings.ingest_host, settings.ingest_port)
    answer = asyncio.create_task(reader.read(12))
    with contextlib.suppress(ConnectionError):
        for chunk in chunks:
            if answer.done():
                break
            writer.write(chunk)
            await writer.drain()
            await asyncio.sleep(pause)
        await asyncio.wait([answer], timeout=10)
    writer.close()
    with contextlib.suppress(ConnectionError, asyncio.CancelledError):
        status = (await asyncio.wait_for(answer, 1)).decode()[9:]
        return status or "closed"
    return "reset"


@contextlib.asynccontextmanager
async def _client(settings: Settings) -> AsyncIterator[Served]:
    """Posts an event at a time, ten a second, for as long as the block lasts."""
    fared, ended = Served(), asyncio.Event()

    async def post_on() -> None:
        posts = draw_posts(DEFAULT_SEED, lambda: str(uuid.uuid4()))
        async with aiohttp.ClientSession() as session:
            while not ended.is_set():
                began = time.monotonic()
                async with session.post(f"{url_of(settings)}/pin/", data=next(posts).body) as answer:
                    fared.statuses[answer.status] += 1
                fared.slowest_seconds = max(fared.slowest_seconds, time.monotonic() - began)
                await asyncio.sleep(0.1)

    posting = asyncio.create_task(post_on())
    yield fared
    ended.set()
    await posting


if __name__ == "__main__":
    sys.exit(main())
