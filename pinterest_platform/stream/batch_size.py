"""How many records a micro-batch may have, so that its bytes fit in memory regardless of the size of a record.

Spark limits a batch only by records, and the limit is fixed for the life of a query. A query with a wrong limit is
replaced by another one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice

from pinterest_platform.stores.kafka import RecordsDeletedError, Topic

MAX_RECORDS_A_BATCH = 20_000
# A record is in memory about six times between Kafka and PostgreSQL; the driver's heap is 1 GiB by default.
BATCH_BYTES = 32 * 1024 * 1024
# A batch smaller than this says little: a few large records are no reason to restart the query.
_TELLING_BYTES = BATCH_BYTES // 16
_PLACES = 24  # over all partitions, at least one per partition
_RECORDS_A_PLACE = 16


def records_a_batch(record_bytes: float) -> int:
    """How many records of this size make a batch."""
    return max(1, min(MAX_RECORDS_A_BATCH, int(BATCH_BYTES / max(record_bytes, 1.0))))


def waiting_record_bytes(topic: Topic, starting: Mapping[int, int]) -> float:
    """The mean size of the larger half of the waiting records, sampled at a few places per partition; 0 if none wait.

    Args:
        topic: read, never consumed.
        starting: by partition, the first offset that is not stored.
    """
    sizes = sorted(size for place in _places(topic, starting) for size in _sizes(topic, *place))
    larger = sizes[len(sizes) // 2 :]
    return sum(larger) / len(larger) if larger else 0.0


class BatchSize:
    """The limit of a query's batches, and whether the batches so far call for another one."""

    def __init__(self, record_bytes: float) -> None:
        self.records = self._better = records_a_batch(record_bytes)

    @property
    def is_wrong(self) -> bool:
        """Whether a query with another limit should take over."""
        return self._better != self.records

    def measure(self, lines: Sequence[str]) -> None:
        """Learn from a batch. The limit is wrong if a full batch had over twice the bytes, or under a quarter."""
        total = sum(map(len, lines))
        if total < _TELLING_BYTES and len(lines) < self.records // 2:
            return
        full = total / len(lines) * self.records
        if full > 2 * BATCH_BYTES or full < BATCH_BYTES / 4:
            self._better = records_a_batch(total / len(lines))


def _places(topic: Topic, starting: Mapping[int, int]) -> Iterator[tuple[int, int, int]]:
    """Partition, offset and end of each place to sample."""
    beginnings, ends = topic.beginning_offsets(), topic.end_offsets()
    places = max(1, _PLACES // len(ends))
    for partition, end in ends.items():
        first = max(starting.get(partition, 0), beginnings[partition])
        step = max(_RECORDS_A_PLACE, (end - first) // places)
        yield from ((partition, offset, end) for offset in range(first, end, step))


def _sizes(topic: Topic, partition: int, offset: int, end: int) -> list[int]:
    with suppress(RecordsDeletedError):  # they may expire while we read
        records = islice(topic.read(partition, offset, end), _RECORDS_A_PLACE)
        return [len(record.key or b"") + len(record.value or b"") for record in records]
    return []
