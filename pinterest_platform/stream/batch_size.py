"""How many records a micro-batch may take, so that its bytes fit into memory whatever the size of a record.

Belongs here: measuring records, and when the number is wrong. Spark bounds a batch in records only, and for as long as
a query lives. Does not belong here: the query (`stream.query`) and starting it anew (`stream.loop`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice

from pinterest_platform.stores.kafka import RecordsDeletedError, Topic

MAX_RECORDS_A_BATCH = 20_000
# A record is in memory half a dozen times between Kafka and PostgreSQL; the driver's heap has 1 GiB by default.
BATCH_BYTES = 32 * 1024 * 1024
# A few large records among small ones are no reason to start a query anew.
_TELLING_BYTES = BATCH_BYTES // 16
_PLACES = 24  # of all partitions together, where these are fewer
_RECORDS_A_PLACE = 16


def records_a_batch(record_bytes: float) -> int:
    """How many records of that size make a batch."""
    return max(1, min(MAX_RECORDS_A_BATCH, int(BATCH_BYTES / max(record_bytes, 1.0))))


def waiting_record_bytes(topic: Topic, starting: Mapping[int, int]) -> float:
    """The mean size of the larger half of what waits in the topic, from a few places of each partition; 0: none waits.

    Args:
        topic: looked at, never consumed.
        starting: by partition, the first offset that is not stored.
    """
    sizes = sorted(size for place in _places(topic, starting) for size in _sizes(topic, *place))
    larger = sizes[len(sizes) // 2 :]
    return sum(larger) / len(larger) if larger else 0.0


class BatchSize:
    """The bound of a query's batches, and whether the batches that came say that it should be another."""

    def __init__(self, record_bytes: float) -> None:
        self.records = self._better = records_a_batch(record_bytes)

    @property
    def is_wrong(self) -> bool:
        """Whether a query with another bound should take over."""
        return self._better != self.records

    def measure(self, lines: Sequence[str]) -> None:
        """Learn from a batch: too large where a full one would have twice the bytes, too small at a quarter."""
        total = sum(map(len, lines))
        if total < _TELLING_BYTES and len(lines) < self.records // 2:
            return
        full = total / len(lines) * self.records
        if full > 2 * BATCH_BYTES or full < BATCH_BYTES / 4:
            self._better = records_a_batch(total / len(lines))


def _places(topic: Topic, starting: Mapping[int, int]) -> Iterator[tuple[int, int, int]]:
    """Partition, offset and end of each place."""
    beginnings, ends = topic.beginning_offsets(), topic.end_offsets()
    places = max(1, _PLACES // len(ends))
    for partition, end in ends.items():
        first = max(starting.get(partition, 0), beginnings[partition])
        step = max(_RECORDS_A_PLACE, (end - first) // places)
        yield from ((partition, offset, end) for offset in range(first, end, step))


def _sizes(topic: Topic, partition: int, offset: int, end: int) -> list[int]:
    with suppress(RecordsDeletedError):  # they expire while we look
        records = islice(topic.read(partition, offset, end), _RECORDS_A_PLACE)
        return [len(record.key or b"") + len(record.value or b"") for record in records]
    return []
