"""Passes calls from kafka-python's thread to the event loop.

Waking the loop for every call would be expensive, so calls are queued, and one wake-up makes all of them.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVarTuple

Arguments = TypeVarTuple("Arguments")


class Handover(Generic[*Arguments]):
    """Callable from any thread: calls `receive` on `loop` in the same order. Does nothing once the loop has ended."""

    def __init__(self, loop: asyncio.AbstractEventLoop, receive: Callable[[*Arguments], None]) -> None:
        self._loop = loop
        self._receive = receive
        self._calls: deque[tuple[*Arguments]] = deque()
        self._is_woken = False

    def __call__(self, *arguments: *Arguments) -> None:
        """Queues a call and returns at once."""
        self._calls.append(arguments)
        if not self._is_woken:
            self._is_woken = True
            with contextlib.suppress(RuntimeError):  # the loop has ended, so nobody waits
                self._loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        # Reset before reading the queue, so that a call that arrives from now on wakes the loop again.
        self._is_woken = False
        while self._calls:
            self._receive(*self._calls.popleft())
