"""Writes one micro-batch while Spark prepares the next: PostgreSQL and Spark work side by side, not in turns.

Belongs here: the thread, and what becomes of a failure. Spark may go on before a batch is committed, because where the
stream goes on is PostgreSQL's word and not Spark's. Does not belong here: the transaction (`stream.sink`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as StillWritingError
from contextlib import suppress
from typing import Self

from pinterest_platform.stream.activity import Activity
from pinterest_platform.stream.sink import BatchOutcome

_END_SECONDS = 5.0

# Gives the outcome of each transaction as soon as it is committed.
Sink = Callable[[Sequence[str]], Iterable[BatchOutcome]]


class BatchWriter:
    """Writes batches in their order, one at a time. `failure` is why one could not be written; none follows it."""

    def __init__(self, sink: Sink, activity: Activity) -> None:
        self._sink = sink
        self._activity = activity
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="batch writer")
        self._under_way: Future[None] | None = None
        self.failure: Exception | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """The batch under way has a few seconds to be finished; later it is rolled back with its connection."""
        if self._under_way:
            with suppress(StillWritingError):
                self._under_way.result(_END_SECONDS)
        self._thread.shutdown(wait=False)

    def write(self, lines: Sequence[str]) -> None:
        """Take the next batch as soon as the one before is committed.

        Raises:
            Exception: whatever the batch before failed with.
        """
        if self._under_way:
            self._under_way.result()
        if self.failure:
            raise self.failure
        self._under_way = self._thread.submit(self._write, lines)

    def _write(self, lines: Sequence[str]) -> None:
        started = time.monotonic()
        try:
            for outcome in self._sink(lines):
                self._activity.add(outcome, time.monotonic() - started)
                started = time.monotonic()
        except Exception as error:  # told to whoever comes next: the loop looks every second
            self.failure = error
