"""The interface to the log that events are published to: the record, its receipt, the error and the protocol.

`kafka_publisher` and, for tests, `memory_publisher` implement it; one test suite runs over both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Record(NamedTuple):
    """One event for the log. `timestamp` is when the API received it, in milliseconds since 1970 UTC."""

    key: bytes
    value: bytes
    timestamp: int


class Receipt(NamedTuple):
    """The partition and offset of an acknowledged record."""

    partition: int
    offset: int


class BrokerUnavailableError(Exception):
    """The log did not acknowledge in time. The record may be sent again, with the same `event_id`."""


class Publisher(Protocol):
    """A log. It is open between `open` and `close`, even while its broker is unavailable."""

    async def open(self) -> None:
        """Starts connecting to the broker. Returns at once, and raises nothing if the broker is unavailable."""

    async def close(self) -> None:
        """Waits up to 5 s for the outcome of all records, then disconnects."""

    async def publish(self, records: Sequence[Record]) -> Sequence[Receipt]:
        """Returns the receipts, in order, once every in-sync replica has all records; within 2 s.

        Raises:
            BrokerUnavailableError: not all were acknowledged. Those that were not sent yet never will be.
        """

    async def check_writable(self) -> None:
        """Returns if the broker says, within 1 s, that all partitions of the topic can be written.

        Raises:
            BrokerUnavailableError: they cannot, or the broker does not answer. The text says which.
        """
