"""Carries the outcomes of kafka-python's futures from its thread to the event loop.

A loop that is woken for every record spends its time on waking: outcomes are queued, and one wake-up takes all of them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from functools import partial
from typing import Any


class Handover:
    """Turns futures that another thread settles into futures of `loop`."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._settled: deque[tuple[asyncio.Future[Any], Any]] = deque()
        self._is_woken = False

    def carry(self, kafka_future: Any) -> asyncio.Future[Any]:
        """Return a future of the loop with the same outcome."""
        future = self._loop.create_future()
        settle = partial(self._settle, future)
        kafka_future.add_callback(settle)
        kafka_future.add_errback(settle)
        return future

    def _settle(self, future: asyncio.Future[Any], outcome: Any) -> None:
        self._settled.append((future, outcome))
        if not self._is_woken:
            self._is_woken = True
            self._loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        # Lowered before the queue is read: an outcome that comes from now on wakes the loop again.
        self._is_woken = False
        while self._settled:
            future, outcome = self._settled.popleft()
            if future.done():
                continue
            if isinstance(outcome, Exception):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)
