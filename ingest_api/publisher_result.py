"""The records of one request and the future of their receipts.

Only for the event loop: nothing here is thread-safe.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from ingest_api.publisher import Receipt, Record


class PublisherResult:
    """The records of one request. `receipts` is done once all are acknowledged or one has failed."""

    __slots__ = ("_missing", "_places", "receipts", "records")

    def __init__(self, records: Sequence[Record], loop: asyncio.AbstractEventLoop) -> None:
        self.records = records
        self.receipts: asyncio.Future[Sequence[Receipt]] = loop.create_future()
        self._places: list[Receipt] = [_NOWHERE] * len(records)
        self._missing = len(records)

    def acknowledge(self, positions: Iterable[int], partition: int, first_offset: int) -> None:
        """Marks the records at these positions as acknowledged, with consecutive offsets from `first_offset`."""
        places, offset = self._places, first_offset
        for position in positions:
            places[position] = Receipt(partition, offset)
            offset += 1
        self._missing -= offset - first_offset
        if self._missing == 0 and not self.receipts.done():
            self.receipts.set_result(places)

    def fail(self, error: Exception) -> None:
        """Fails `receipts`, because a record was not acknowledged."""
        if not self.receipts.done():
            self.receipts.set_exception(error)


_NOWHERE = Receipt(-1, -1)
