"""Landing over real Kafka and real S3: the suite that the in-memory twins pass too."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from kafka import KafkaAdminClient, KafkaProducer, TopicPartition

from pinterest_platform.settings import Settings
from pinterest_platform.stores.kafka import Topic, TopicUnavailableError, open_topic
from pinterest_platform.stores.kafka_batches import Record
from pinterest_platform.stores.s3 import ObjectStore, open_bucket
from pinterest_platform_tests.landing_suite import LandingSuite


class RealTopic:
    """A real topic that a test can fill, and from which it can let records expire."""

    def __init__(self, reader: Topic, producer: KafkaProducer, admin: KafkaAdminClient) -> None:
        self.topic = reader.topic
        self._reader, self._producer, self._admin = reader, producer, admin

    def post(self, timestamp: int, value: bytes | None, key: bytes | None = b"k", partition: int = 0) -> None:
        self._producer.send(self.topic, value=value, key=key, partition=partition, timestamp_ms=timestamp).get(10)

    def delete_before(self, partition: int, offset: int) -> None:
        self._admin.delete_records({TopicPartition(self.topic, partition): offset})

    def identity(self) -> str:
        return self._reader.identity()

    def partitions(self) -> list[int]:
        return self._reader.partitions()

    def beginning_offsets(self) -> dict[int, int]:
        return self._reader.beginning_offsets()

    def end_offsets(self) -> dict[int, int]:
        return self._reader.end_offsets()

    def offsets_at(self, timestamp_ms: int) -> dict[int, int]:
        return self._reader.offsets_at(timestamp_ms)

    def read(self, partition: int, start: int, stop: int) -> Iterator[Record]:
        return self._reader.read(partition, start, stop)


class TestLanding(LandingSuite):
    @pytest.fixture
    def topic(self, corner: Settings) -> Iterator[RealTopic]:
        servers = corner.kafka_bootstrap_servers
        producer = KafkaProducer(bootstrap_servers=servers, max_request_size=2_000_000)
        admin = KafkaAdminClient(bootstrap_servers=servers)
        with open_topic(corner) as reader:
            yield RealTopic(reader, producer, admin)
        producer.close()
        admin.close()

    @pytest.fixture
    def bucket(self, corner: Settings) -> ObjectStore:
        return open_bucket(corner)


def test_a_broker_that_is_away_is_named_with_what_to_do() -> None:
    opening = open_topic(Settings(kafka_bootstrap_servers="127.0.0.1:9"), timeout_seconds=1)

    with pytest.raises(TopicUnavailableError, match=r"127\.0\.0\.1:9 does not serve the topic Pinterest_data.*make"):
        opening.__enter__()


def test_records_are_decoded_by_the_platform(corner: Settings) -> None:
    """Where kafka-python makes them, they have all that a record has, and take twice the time."""
    producer = KafkaProducer(bootstrap_servers=corner.kafka_bootstrap_servers)
    headers = [("trace", b"\x00")]
    producer.send(corner.kafka_topic, key=None, value=b"v", headers=headers, partition=0, timestamp_ms=7).get(10)
    producer.close()

    with open_topic(corner) as reader:
        [record] = reader.read(0, 0, 1)

    assert isinstance(record, Record)
    assert record == (corner.kafka_topic, 0, 0, 7, None, b"v", tuple(headers))


def test_a_topic_that_does_not_exist_is_named(corner: Settings) -> None:
    nowhere = open_topic(corner.model_copy(update={"kafka_topic": "no-such-topic"}))

    with nowhere as reader, pytest.raises(TopicUnavailableError, match="no-such-topic"):
        reader.partitions()
