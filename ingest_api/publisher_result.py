"""Records on their way to the log, handed over together, and the future of their receipts.

Belongs here: waiting for all of them. Does not belong here: how they get there (`kafka_connection`), and what a client
is told (`kafka_publisher`). All of it happens on the event loop; nothing here is safe to call from another thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from ingest_api.publisher import Receipt, Record


class PublisherResult:
    """The records of one request; `receipts` is done when the log holds all of them, or has refused one."""

    __slots__ = ("_missing", "_places", "receipts", "records")

    def __init__(self, records: Sequence[Record], loop: asyncio.AbstractEventLoop) -> None:
        self.records = records
        self.receipts: asyncio.Future[Sequence[Receipt]] = loop.create_future()
        self._places: list[Receipt] = [_NOWHERE] * len(records)
        self._missing = len(records)

    def acknowledge(self, positions: Iterable[int], partition: int, first_offset: int) -> None:
        """The log holds the records at these positions, one after the other from `first_offset` on."""
        places, offset = self._places, first_offset
        for position in positions:
            places[position] = Receipt(partition, offset)
            offset += 1
        self._missing -= offset - first_offset
        if self._missing == 0 and not self.receipts.done():
            self.receipts.set_result(places)

    def fail(self, error: Exception) -> None:
        """The log has not confirmed a record: nobody need wait for the others."""
        if not self.receipts.done():
            self.receipts.set_exception(error)


_NOWHERE = Receipt(-1, -1)
