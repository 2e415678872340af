"""A log in memory that behaves like Kafka's: the twin that tests use.

Belongs here: what a test needs to look at records and to take the broker away. Does not belong here: a behaviour that
`kafka_publisher` does not have.
"""

from __future__ import annotations

from collections.abc import Sequence

from ingest_api.partitioner import partition_of
from ingest_api.publisher import BrokerUnavailableError, Publisher, Receipt, Record


class MemoryPublisher(Publisher):
    """Keeps records in `partitions`; while `is_away` is set, it refuses them as a missing broker would."""

    def __init__(self, partition_count: int = 3) -> None:
        self.partitions: list[list[Record]] = [[] for _ in range(partition_count)]
        self.is_away = False
        self._is_open = False

    async def open(self) -> None:
        """Take records from now on."""
        self._is_open = True

    async def close(self) -> None:
        """Take no more records."""
        self._is_open = False

    async def publish(self, records: Sequence[Record]) -> Sequence[Receipt]:
        """Keep the records: one key always goes to one partition."""
        await self.check_writable()
        return [self._keep(record) for record in records]

    async def check_writable(self) -> None:
        """Return unless the log is away."""
        if self.is_away or not self._is_open:
            raise BrokerUnavailableError("The log in memory is away: open the publisher, or let it come back.")

    def _keep(self, record: Record) -> Receipt:
        partition = partition_of(record.key, len(self.partitions))
        self.partitions[partition].append(record)
        return Receipt(partition, offset=len(self.partitions[partition]) - 1)

    @property
    def records(self) -> list[Record]:
        """All records, partition by partition."""
        return [record for partition in self.partitions for record in partition]
