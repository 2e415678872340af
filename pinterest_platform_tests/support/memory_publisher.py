"""A publisher to a log in memory, for tests. It behaves like `kafka_publisher`: one test suite runs over both."""

from __future__ import annotations

from collections.abc import Sequence

from ingest_api.partitioner import partition_of
from ingest_api.publisher import BrokerUnavailableError, Publisher, Receipt, Record


class MemoryPublisher(Publisher):
    """Keeps records in `partitions`. While `is_away` is set, it refuses them like an unavailable broker."""

    def __init__(self, partition_count: int = 3) -> None:
        self.partitions: list[list[Record]] = [[] for _ in range(partition_count)]
        self.is_away = False
        self._is_open = False

    async def open(self) -> None:
        """Accepts records from now on."""
        self._is_open = True

    async def close(self) -> None:
        """Accepts no more records."""
        self._is_open = False

    async def publish(self, records: Sequence[Record]) -> Sequence[Receipt]:
        """Keeps the records. The same key always goes to the same partition.

        Raises:
            BrokerUnavailableError: `is_away` is set, or the publisher is not open.
        """
        await self.check_writable()
        return [self._keep(record) for record in records]

    async def check_writable(self) -> None:
        """Checks that the publisher is open and not `is_away`.

        Raises:
            BrokerUnavailableError: it is not.
        """
        if self.is_away or not self._is_open:
            raise BrokerUnavailableError("The log in memory is unavailable: open the publisher, or unset is_away.")

    def _keep(self, record: Record) -> Receipt:
        partition = partition_of(record.key, len(self.partitions))
        self.partitions[partition].append(record)
        return Receipt(partition, offset=len(self.partitions[partition]) - 1)

    @property
    def records(self) -> list[Record]:
        """All records, partition by partition."""
        return [record for partition in self.partitions for record in partition]
