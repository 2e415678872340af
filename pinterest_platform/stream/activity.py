"""Counts what the stream has done since its last report."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from pinterest_platform.stream.lag import Lag
from pinterest_platform.stream.sink import BatchOutcome


@dataclass(frozen=True)
class StreamReport:
    """A few seconds of the stream.

    `latency_seconds` is the age of the last micro-batch's oldest record at commit, counted from its receipt by the API.
    `lag` is None while Kafka or PostgreSQL is unavailable; `trouble` then says which.
    """

    seconds: float
    batches: int = 0
    rows: int = 0
    rejects: int = 0
    duplicates: int = 0
    conflicts: int = 0
    late: int = 0
    batch_seconds: float = 0.0
    latency_seconds: float | None = None
    lag: Lag | None = None
    trouble: str | None = None

    @property
    def rows_per_second(self) -> float:
        """Stored rows per second of wall time."""
        return self.rows / max(self.seconds, 0.001)

    @property
    def seconds_a_batch(self) -> float | None:
        """Mean time that the sink took per micro-batch."""
        return self.batch_seconds / self.batches if self.batches else None


class Activity:
    """Counts micro-batches. The batch thread adds, the reporting thread takes."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._report = StreamReport(seconds=0.0)
        self._since = self._idle_since = clock()
        self._last_stored_at: datetime | None = None

    @property
    def idle_seconds(self) -> float:
        """How long nothing was stored although it could have been, across restarts of the query."""
        return self._clock() - self._idle_since

    @property
    def last_stored_at(self) -> datetime | None:
        """When this run last committed a batch."""
        return self._last_stored_at

    def excuse(self) -> None:
        """Restart the idle time: nothing could be stored, because no record waited or a server was unavailable."""
        self._idle_since = self._clock()

    def add(self, outcome: BatchOutcome, seconds: float) -> None:
        """Count a micro-batch that was just committed."""
        latency = time.time() - outcome.oldest.timestamp() if outcome.oldest else None
        with self._lock:
            before = self._report
            self._idle_since, self._last_stored_at = self._clock(), datetime.now(UTC)
            self._report = StreamReport(
                seconds=0.0,
                batches=before.batches + 1,
                rows=before.rows + outcome.rows,
                rejects=before.rejects + outcome.rejects,
                duplicates=before.duplicates + outcome.duplicates,
                conflicts=before.conflicts + outcome.conflicts,
                late=before.late + outcome.late,
                batch_seconds=before.batch_seconds + seconds,
                latency_seconds=latency,
            )

    def take(self) -> StreamReport:
        """The counts since the last call."""
        with self._lock:
            now = self._clock()
            taken, seconds = self._report, now - self._since
            self._report, self._since = StreamReport(seconds=0.0), now
        return replace(taken, seconds=seconds)
