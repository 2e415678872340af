"""Landing over real Kafka and real S3: the same suite as over the in-memory twins."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from kafka import KafkaProducer

from pinterest_platform.settings import Settings
from pinterest_platform.stores.kafka import TopicUnavailableError, open_topic
from pinterest_platform.stores.kafka_batches import Record
from pinterest_platform.stores.s3 import ObjectStore, open_bucket
from pinterest_platform_tests.support.landing_suite import LandingSuite
from pinterest_platform_tests.support.real_topic import RealTopic, open_real_topic


class TestLanding(LandingSuite):
    @pytest.fixture
    def topic(self, corner: Settings) -> Iterator[RealTopic]:
        with open_real_topic(corner) as topic:
            yield topic

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
