"""The tests of all publishers: they run over the log in memory and over Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from ingest_api.publisher import BrokerUnavailableError, Publisher, Receipt, Record

PATIENCE_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Log:
    """An empty log with three partitions: a publisher to it that is not open yet, and a look at its records."""

    publisher: Publisher
    records: Callable[[], dict[Receipt, Record]]


@asynccontextmanager
async def opened(publisher: Publisher) -> AsyncIterator[None]:
    """Open a publisher and wait until its log can be written."""
    await publisher.open()
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await is_writable(publisher):
                await asyncio.sleep(0.05)
        yield
    finally:
        await publisher.close()


async def is_writable(publisher: Publisher) -> bool:
    try:
        await publisher.check_writable()
    except BrokerUnavailableError:
        return False
    return True


class PublisherContract:
    """Subclasses provide the fixture `log`."""

    def test_a_record_lies_unchanged_where_its_receipt_says(self, log: Log) -> None:
        record = Record(key="ключ".encode(), value=b'{"title":"caf\xc3\xa9"}', timestamp=1_700_000_000_123)

        async def scenario() -> Receipt:
            async with opened(log.publisher):
                [receipt] = await log.publisher.publish([record])
                return receipt

        receipt = asyncio.run(scenario())
        assert log.records() == {receipt: record}

    def test_records_of_one_key_keep_their_order_in_one_partition(self, log: Log) -> None:
        records = [Record(b"pin", str(number).encode(), timestamp=number) for number in range(5)]

        async def scenario() -> list[Receipt]:
            async with opened(log.publisher):
                return [place for record in records for place in await log.publisher.publish([record])]

        receipts = asyncio.run(scenario())
        assert receipts == [Receipt(receipts[0].partition, offset) for offset in range(5)]
        assert log.records() == dict(zip(receipts, records, strict=True))

    def test_records_that_are_published_at_once_each_get_their_own_receipt(self, log: Log) -> None:
        records = [Record(f"pin-{number}".encode(), b"{}", timestamp=number) for number in range(300)]

        async def scenario() -> list[Receipt]:
            async with opened(log.publisher):
                places = await asyncio.gather(*(log.publisher.publish([record]) for record in records))
                return [place for [place] in places]

        receipts = asyncio.run(scenario())
        assert log.records() == dict(zip(receipts, records, strict=True))
        assert {receipt.partition for receipt in receipts} == {0, 1, 2}

    def test_a_publisher_takes_records_only_between_open_and_close(self, log: Log) -> None:
        record = Record(b"pin", b"{}", timestamp=1)

        async def is_refused() -> bool:
            with pytest.raises(BrokerUnavailableError):
                await log.publisher.publish([record])
            return not await is_writable(log.publisher)

        async def scenario() -> None:
            assert await is_refused()
            async with opened(log.publisher):
                pass
            assert await is_refused()

        asyncio.run(scenario())
        assert log.records() == {}
