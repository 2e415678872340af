from __future__ import annotations

import asyncio

import pytest

from ingest_api.publisher import BrokerUnavailableError, Receipt, Record
from pinterest_platform_tests.support.memory_publisher import MemoryPublisher
from pinterest_platform_tests.unit.ingest_api.publisher_contract import Log, PublisherContract


class TestMemoryPublisher(PublisherContract):
    @pytest.fixture
    def log(self) -> Log:
        publisher = MemoryPublisher()

        def records() -> dict[Receipt, Record]:
            return {
                Receipt(partition, offset): record
                for partition, records in enumerate(publisher.partitions)
                for offset, record in enumerate(records)
            }

        return Log(publisher, records)


def test_a_log_that_is_away_keeps_nothing() -> None:
    publisher = MemoryPublisher()

    async def scenario() -> None:
        await publisher.open()
        publisher.is_away = True
        with pytest.raises(BrokerUnavailableError):
            await publisher.publish([Record(b"pin", b"{}", timestamp=1)])

    asyncio.run(scenario())
    assert publisher.records == []
