"""Runs the emulation: concurrent senders post the drawn pins and count the answers."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from random import Random

import aiohttp
import uvloop
from pydantic import SecretStr

from ingest_api.emulator.delivery import ANSWER_TIMEOUT_SECONDS, PATIENCE_SECONDS, Acknowledged, Delivery, Outcome
from ingest_api.emulator.drawing import draw_posts
from ingest_api.emulator.pace import Pace, as_fast_as_accepted
from ingest_api.emulator.post import Post
from pinterest_platform.pins.calendar import now_ms

DEFAULT_SEED = 20_240_229
DEFAULT_SENDERS = 32


@dataclass(frozen=True, slots=True)
class EmulationResult:
    """The counts so far: `posted` = `acknowledged` + `refused`. Times are in milliseconds since 1970 UTC."""

    started_at: int
    finished_at: int
    posted: int = 0
    acknowledged: int = 0
    refused: int = 0

    @property
    def seconds(self) -> float:
        """The duration so far."""
        return (self.finished_at - self.started_at) / 1_000


@dataclass(frozen=True, slots=True)
class Emulation:
    """What to post, and how. `clock` gives milliseconds since 1970 UTC, `new_event_id` the text of a UUID."""

    url: str
    count: int
    senders: int = DEFAULT_SENDERS
    seed: int = DEFAULT_SEED
    pace: Pace = as_fast_as_accepted
    malformed_share: float = 0.0
    patience_seconds: float = PATIENCE_SECONDS
    api_key: SecretStr | None = None
    draw: Callable[[int, Callable[[], str], float], Iterator[Post]] = draw_posts
    clock: Callable[[], int] = now_ms
    new_event_id: Callable[[], str] = lambda: str(uuid.uuid4())


class Observer:
    """Receives every answer. This base class ignores them."""

    def acknowledged(self, post: Post, acknowledged: Acknowledged) -> None:
        """Kafka has acknowledged the post."""

    def counted(self, result: EmulationResult) -> None:
        """One more post was answered."""


def emulate(emulation: Emulation, *observers: Observer) -> EmulationResult:
    """Calls `run_emulation` from code without an event loop."""
    return uvloop.run(run_emulation(emulation, *observers))


async def run_emulation(emulation: Emulation, *observers: Observer) -> EmulationResult:
    """Posts everything and returns the counts.

    Raises:
        ingest_api.emulator.delivery.UndeliveredError: the API accepts no events; the observers know those before.
    """
    return await _Run(emulation, observers).finish()


class _Run:
    def __init__(self, emulation: Emulation, observers: tuple[Observer, ...]) -> None:
        self._emulation = emulation
        self._observers = observers
        posts = emulation.draw(emulation.seed, emulation.new_event_id, emulation.malformed_share)
        self._posts: Iterator[tuple[int, Post]] = enumerate(islice(posts, emulation.count))
        started_at = emulation.clock()
        self._result = EmulationResult(started_at, finished_at=started_at)

    async def finish(self) -> EmulationResult:
        timeout = aiohttp.ClientTimeout(total=ANSWER_TIMEOUT_SECONDS)
        connector = aiohttp.TCPConnector(limit=self._emulation.senders)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            delivery = Delivery(
                self._emulation.url,
                session,
                Random(self._emulation.seed),  # noqa: S311
                api_key=self._emulation.api_key,
                patience_seconds=self._emulation.patience_seconds,
            )
            try:
                async with asyncio.TaskGroup() as senders:
                    for _ in range(self._emulation.senders):
                        senders.create_task(self._send(delivery))
            except ExceptionGroup as group:
                # All senders fail for the same reason, so one error is enough.
                raise group.exceptions[0] from None
        return self._result

    async def _send(self, delivery: Delivery) -> None:
        # All senders share one iterator: the next free one takes the next post.
        for begun, post in self._posts:
            await asyncio.sleep(self._emulation.pace(begun))
            self._count(post, await delivery.deliver(post))

    def _count(self, post: Post, outcome: Outcome) -> None:
        is_acknowledged = isinstance(outcome, Acknowledged)
        self._result = replace(
            self._result,
            finished_at=self._emulation.clock(),
            posted=self._result.posted + 1,
            acknowledged=self._result.acknowledged + is_acknowledged,
            refused=self._result.refused + (not is_acknowledged),
        )
        for observer in self._observers:
            if isinstance(outcome, Acknowledged):
                observer.acknowledged(post, outcome)
            observer.counted(self._result)
