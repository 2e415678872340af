"""When the publisher gives up on a connection, tested with scripted connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from kafka.errors import KafkaConnectionError, KafkaTimeoutError
from kafka.future import Future

from ingest_api import kafka_publisher
from ingest_api.kafka_publisher import KafkaPublisher
from ingest_api.metrics import IngestMetrics
from ingest_api.publisher import BrokerUnavailableError, Receipt, Record
from ingest_api.publisher_result import PublisherResult
from ingest_api.record_batch import Run, Settled
from pinterest_platform.settings import Settings

RECORD = Record(b"pin", b"{}", timestamp=1)


class ScriptedConnection:
    """Keeps what it was handed, for the test to settle."""

    def __init__(self, settled: Settled) -> None:
        self._settled = settled
        self.knows_topic = True
        self.has_all_leaders = True
        self.sent: list[PublisherResult] = []
        self.asked: list[Any] = []
        self.finished_within: list[float] = []

    def send(self, results: Sequence[PublisherResult]) -> None:
        self.sent.extend(results)

    def settle(self, number: int, partition: int, outcome: int | Exception) -> None:
        """Tell what became of the first record of a delivery, as the third one of a batch."""
        self._settled([Run(self.sent[number], (0,), 2)], partition, outcome)

    def ask_for_leaders(self) -> Any:
        self.asked.append(Future())
        return self.asked[-1]

    def finish(self, seconds: float) -> None:
        self.finished_within.append(seconds)


class Broker:
    """Hands out one scripted connection after the other; refuses while `is_away`."""

    def __init__(self) -> None:
        self.is_away = False
        self.connections: list[ScriptedConnection] = []

    def connect(self, _settings: Settings, settled: Settled) -> ScriptedConnection:
        if self.is_away:
            raise KafkaConnectionError("nobody listens")
        self.connections.append(ScriptedConnection(settled))
        return self.connections[-1]


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
def publisher(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> KafkaPublisher:
    monkeypatch.setattr(kafka_publisher, "ANSWER_TIMEOUT_SECONDS", 0.05)
    monkeypatch.setattr(kafka_publisher, "CHECK_TIMEOUT_SECONDS", 0.05)
    monkeypatch.setattr(kafka_publisher, "COMPANY_SECONDS", 0.02)
    monkeypatch.setattr(kafka_publisher, "RECONNECT_SECONDS", 0.01)
    monkeypatch.setattr(kafka_publisher, "LOOK_SECONDS", 0.01)
    return KafkaPublisher(Settings(), IngestMetrics(), broker.connect)


@asynccontextmanager
async def opened(publisher: KafkaPublisher) -> AsyncIterator[None]:
    await publisher.open()
    yield
    await publisher.close()


async def until(is_true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not is_true():
            await asyncio.sleep(0.001)


async def connected(broker: Broker, publisher: KafkaPublisher, times: int = 1) -> None:
    await until(lambda: len(broker.connections) == times and publisher._connection is broker.connections[-1])


def test_each_caller_gets_the_receipt_of_its_own_record(broker: Broker, publisher: KafkaPublisher) -> None:
    async def scenario() -> tuple[list[Receipt], list[Receipt]]:
        async with opened(publisher):
            await connected(broker, publisher)
            first, second = (asyncio.create_task(publisher.publish([RECORD])) for _ in range(2))
            sent = broker.connections[0].sent
            await until(lambda: len(sent) == 2)
            broker.connections[0].settle(1, partition=2, outcome=8)
            broker.connections[0].settle(0, partition=0, outcome=5)
            return list(await first), list(await second)

    assert asyncio.run(scenario()) == ([Receipt(0, 7)], [Receipt(2, 10)])


def test_records_that_were_handed_over_together_have_receipts_when_all_are_acknowledged(
    broker: Broker, publisher: KafkaPublisher
) -> None:
    async def scenario() -> list[Receipt]:
        async with opened(publisher):
            await connected(broker, publisher)
            task = asyncio.create_task(publisher.publish([RECORD] * 4))
            await until(lambda: len(broker.connections[0].sent) == 1)
            [result] = broker.connections[0].sent
            result.acknowledge((0, 3), partition=1, first_offset=10)
            await asyncio.sleep(0.01)
            assert not task.done()
            result.acknowledge((1, 2), partition=2, first_offset=20)
            return list(await task)

    assert asyncio.run(scenario()) == [Receipt(1, 10), Receipt(2, 20), Receipt(2, 21), Receipt(1, 11)]


def test_records_that_come_while_others_are_on_their_way_wait_a_little_and_go_together(
    broker: Broker, publisher: KafkaPublisher
) -> None:
    async def scenario() -> list[int]:
        async with opened(publisher):
            await connected(broker, publisher)
            connection, tasks, sent = broker.connections[0], [], []
            for _ in range(3):
                tasks.append(asyncio.create_task(publisher.publish([RECORD])))
                await asyncio.sleep(0.001)
                sent.append(len(connection.sent))
            await until(lambda: len(connection.sent) == 3)
            for number in range(3):
                connection.settle(number, partition=0, outcome=number)
            await asyncio.gather(*tasks)
            return sent

    assert asyncio.run(scenario()) == [1, 1, 1]


def test_a_failed_record_is_refused_and_its_connection_replaced(broker: Broker, publisher: KafkaPublisher) -> None:
    async def scenario() -> None:
        async with opened(publisher):
            await connected(broker, publisher)
            task = asyncio.create_task(publisher.publish([RECORD]))
            await until(lambda: len(broker.connections[0].sent) == 1)
            broker.connections[0].settle(0, partition=0, outcome=KafkaTimeoutError("expired"))
            with pytest.raises(BrokerUnavailableError, match="expired"):
                await task
            await connected(broker, publisher, times=2)

    asyncio.run(scenario())
    assert broker.connections[0].finished_within == [kafka_publisher.FINISH_SECONDS]


def test_other_records_of_a_failed_connection_may_still_be_acknowledged(
    broker: Broker, publisher: KafkaPublisher
) -> None:
    async def scenario() -> list[Receipt]:
        async with opened(publisher):
            await connected(broker, publisher)
            failing, lucky = (asyncio.create_task(publisher.publish([RECORD])) for _ in range(2))
            sent = broker.connections[0].sent
            await until(lambda: len(sent) == 2)
            broker.connections[0].settle(0, partition=0, outcome=KafkaTimeoutError("expired"))
            with pytest.raises(BrokerUnavailableError):
                await failing
            broker.connections[0].settle(1, partition=1, outcome=0)
            return list(await lucky)

    assert asyncio.run(scenario()) == [Receipt(1, 2)]


def test_a_record_that_is_never_settled_is_refused_and_its_connection_cut(
    broker: Broker, publisher: KafkaPublisher
) -> None:
    async def scenario() -> None:
        async with opened(publisher):
            await connected(broker, publisher)
            with pytest.raises(BrokerUnavailableError, match="too long"):
                await publisher.publish([RECORD])

    asyncio.run(scenario())
    assert broker.connections[0].finished_within == [0]


def test_while_the_broker_is_away_a_record_is_refused_at_once_with_the_reason(
    broker: Broker, publisher: KafkaPublisher
) -> None:
    broker.is_away = True

    async def scenario() -> None:
        async with opened(publisher):
            await asyncio.sleep(0.03)
            with pytest.raises(BrokerUnavailableError, match="nobody listens"):
                await publisher.publish([RECORD])
            broker.is_away = False
            await connected(broker, publisher)

    asyncio.run(scenario())


def test_a_topic_that_is_gone_is_not_waited_for(broker: Broker, publisher: KafkaPublisher) -> None:
    async def scenario() -> None:
        async with opened(publisher):
            await connected(broker, publisher)
            broker.connections[0].knows_topic = False
            with pytest.raises(BrokerUnavailableError, match="is gone"):
                await publisher.publish([RECORD])

    asyncio.run(scenario())
    assert broker.connections[0].sent == []


def test_a_topic_is_writable_when_the_broker_says_so_now(broker: Broker, publisher: KafkaPublisher) -> None:
    async def scenario() -> None:
        async with opened(publisher):
            await connected(broker, publisher)
            connection = broker.connections[0]
            check = asyncio.create_task(publisher.check_writable())
            await until(lambda: len(connection.asked) == 1)
            connection.asked[0].success(None)
            await check

            with pytest.raises(BrokerUnavailableError, match="does not answer"):
                await publisher.check_writable()

            connection.has_all_leaders = False
            check = asyncio.create_task(publisher.check_writable())
            await until(lambda: len(connection.asked) == 3)
            connection.asked[2].success(None)
            with pytest.raises(BrokerUnavailableError, match="no leader"):
                await check

    asyncio.run(scenario())


def test_closing_finishes_the_connection(broker: Broker, publisher: KafkaPublisher) -> None:
    async def scenario() -> None:
        async with opened(publisher):
            await connected(broker, publisher)

    asyncio.run(scenario())
    assert broker.connections[0].finished_within == [kafka_publisher.FINISH_SECONDS]
