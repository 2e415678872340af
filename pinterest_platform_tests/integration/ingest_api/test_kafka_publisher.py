from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Iterator

import pytest
from kafka import KafkaConsumer, TopicPartition
from kafka.admin import KafkaAdminClient

from ingest_api.kafka_publisher import KafkaPublisher
from ingest_api.metrics import IngestMetrics
from ingest_api.publisher import BrokerUnavailableError, Receipt, Record
from pinterest_platform.settings import Settings
from pinterest_platform.stores.kafka import create_topic
from pinterest_platform_tests.integration.conftest import take_every_time
from pinterest_platform_tests.unit.ingest_api.publisher_contract import Log, PublisherContract, is_writable, opened

RECORD = Record(b"pin", b"{}", timestamp=1_700_000_000_123)
PARTITIONS = 3


def records_of(settings: Settings) -> dict[Receipt, Record]:
    """Every record of the topic."""
    consumer = KafkaConsumer(bootstrap_servers=settings.kafka_bootstrap_servers, enable_auto_commit=False)
    partitions = [TopicPartition(settings.kafka_topic, number) for number in range(PARTITIONS)]
    consumer.assign(partitions)
    consumer.seek_to_beginning(*partitions)
    ends = consumer.end_offsets(partitions)
    records = {}
    while any(consumer.position(partition) < end for partition, end in ends.items()):
        for polled in consumer.poll(timeout_ms=1_000).values():
            for record in polled:
                records[Receipt(record.partition, record.offset)] = Record(record.key, record.value, record.timestamp)
    consumer.close()
    return records


@pytest.fixture
def admin(settings: Settings) -> Iterator[KafkaAdminClient]:
    client = KafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap_servers)
    yield client
    client.close()


@pytest.fixture
def no_topic(settings: Settings) -> Settings:
    """Settings that name a topic which does not exist."""
    return settings.model_copy(update={"kafka_topic": f"pins-{uuid.uuid4()}", "kafka_partitions": PARTITIONS})


@pytest.fixture
def own_topic(admin: KafkaAdminClient, no_topic: Settings) -> Iterator[Settings]:
    """Settings that name an empty topic of this test, which keeps every record as the platform's does.

    By its own default Kafka deletes what is older than a week, and the contract's records are stamped in 1970.
    """
    create_topic(no_topic)
    take_every_time(no_topic)
    yield no_topic
    admin.delete_topics([no_topic.kafka_topic])


class TestKafkaPublisher(PublisherContract):
    @pytest.fixture
    def log(self, own_topic: Settings) -> Log:
        return Log(KafkaPublisher(own_topic, IngestMetrics()), lambda: records_of(own_topic))


async def refused_after(publisher: KafkaPublisher) -> float:
    """Seconds until a record was refused."""
    started_at = time.monotonic()
    with pytest.raises(BrokerUnavailableError):
        await publisher.publish([RECORD])
    return time.monotonic() - started_at


def test_without_a_broker_records_are_refused_within_two_seconds_and_closing_is_quick(settings: Settings) -> None:
    publisher = KafkaPublisher(settings.model_copy(update={"kafka_bootstrap_servers": "127.0.0.1:1"}), IngestMetrics())

    async def scenario() -> float:
        await publisher.open()
        seconds = max([await refused_after(publisher) for _ in range(3)])
        assert not await is_writable(publisher)
        await publisher.close()
        return seconds

    started_at = time.monotonic()
    assert asyncio.run(scenario()) < 2
    assert time.monotonic() - started_at < 5


def test_a_missing_topic_is_named_not_created_and_taken_up_once_it_exists(
    admin: KafkaAdminClient, no_topic: Settings
) -> None:
    publisher = KafkaPublisher(no_topic, IngestMetrics())

    async def scenario() -> None:
        await publisher.open()
        await asyncio.sleep(2)
        with pytest.raises(BrokerUnavailableError, match=f"no topic {no_topic.kafka_topic}"):
            await publisher.publish([RECORD])
        await publisher.close()

    asyncio.run(scenario())
    assert no_topic.kafka_topic not in admin.list_topics()

    async def recovery() -> None:
        publisher = KafkaPublisher(no_topic, IngestMetrics())
        creation = asyncio.create_task(asyncio.to_thread(create_topic, no_topic))
        async with opened(publisher):
            await publisher.publish([RECORD])
        await creation

    asyncio.run(recovery())
    assert list(records_of(no_topic).values()) == [RECORD]


def test_a_topic_that_is_deleted_meanwhile_refuses_records_in_time(admin: KafkaAdminClient, no_topic: Settings) -> None:
    create_topic(no_topic)
    publisher = KafkaPublisher(no_topic, IngestMetrics())

    async def scenario() -> float:
        async with opened(publisher):
            await publisher.publish([RECORD])
            await asyncio.to_thread(admin.delete_topics, [no_topic.kafka_topic])
            return max([await refused_after(publisher) for _ in range(2)])

    assert asyncio.run(scenario()) < 2
