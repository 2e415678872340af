"""What the API asks of the log that events go to.

Belongs here: the record, its receipt, the errors and the `Publisher` protocol. Does not belong here: an implementation
(`kafka_publisher` for the platform, `memory_publisher` for tests; one suite of tests runs over both).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Record(NamedTuple):
    """One event on its way to the log: `timestamp` is its receipt, in milliseconds since 1970 UTC."""

    key: bytes
    value: bytes
    timestamp: int


class Receipt(NamedTuple):
    """Where an acknowledged record lies in the log."""

    partition: int
    offset: int


class BrokerUnavailableError(Exception):
    """The log did not confirm in time. The record may be sent again, with the same `event_id`."""


class Publisher(Protocol):
    """A log that is open between `open` and `close`, also while its broker is away."""

    async def open(self) -> None:
        """Start to reach for the broker. Returns at once and raises nothing when the broker is away."""

    async def close(self) -> None:
        """Settle what was handed over, within 5 s, and let go of the broker."""

    async def publish(self, records: Sequence[Record]) -> Sequence[Receipt]:
        """Return when every in-sync replica holds all of the records, within 2 s: their places, in their order.

        Raises:
            BrokerUnavailableError: not all were confirmed. Those that had not left this process never will.
        """

    async def check_writable(self) -> None:
        """Return when the broker says, within 1 s, that all partitions of the topic can be written.

        Raises:
            BrokerUnavailableError: with a sentence for operators.
        """
