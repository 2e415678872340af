"""Kafka as other producers use it: every codec, every kind of producer, and topics with other settings."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from typing import Any

import confluent_kafka
import pytest
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import ConfigResource, ConfigResourceType, NewTopic
from kafka.errors import InvalidTimestampError
from pyspark.sql import SparkSession

from pinterest_platform.pins.calendar import now_ms, start_of
from pinterest_platform.settings import Settings
from pinterest_platform.stores.kafka import (
    TopicUnavailableError,
    complete_topic,
    create_topic,
    describe_topic,
    open_topic,
)
from pinterest_platform.stores.kafka_batches import Record
from pinterest_platform.stores.topic_settings import topic_warnings
from pinterest_platform_tests.support.real_topic import RealTopic, open_real_topic
from pinterest_platform_tests.support.topic_suite import NOON, TopicSuite, read_all

CODECS = ["gzip", "snappy", "lz4", "zstd"]
# More than a block of every codec, so that their framing shows.
VALUES = [f'{{"unique_id": "{number}", "title": "{"ab" * 500}"}}'.encode() for number in range(300)]


class TestRealTopic(TopicSuite):
    @pytest.fixture
    def topic(self, corner: Settings) -> Iterator[RealTopic]:
        own = _topic(corner, {}, partitions=2)
        with open_real_topic(own) as topic:
            yield topic


def by_kafka_python(settings: Settings, codec: str, values: list[bytes]) -> None:
    servers = settings.kafka_bootstrap_servers
    with closing(KafkaProducer(bootstrap_servers=servers, compression_type=codec, linger_ms=100)) as producer:
        for value in values:
            producer.send(settings.kafka_topic, value, partition=0)
        producer.flush()


def by_librdkafka(settings: Settings, codec: str, values: list[bytes]) -> None:
    servers = settings.kafka_bootstrap_servers
    producer = confluent_kafka.Producer({"bootstrap.servers": servers, "compression.type": codec, "linger.ms": 100})
    for value in values:
        producer.produce(settings.kafka_topic, value, partition=0)
    assert producer.flush(10) == 0


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("produce", [by_kafka_python, by_librdkafka])
def test_batches_of_every_codec_are_read(
    corner: Settings, produce: Callable[[Settings, str, list[bytes]], None], codec: str
) -> None:
    produce(corner, codec, VALUES)

    with open_topic(corner) as topic:
        assert [value for _, value in read_all(topic)] == VALUES


@pytest.mark.parametrize("codec", CODECS)
def test_batches_that_java_has_compressed_are_read(corner: Settings, spark: SparkSession, codec: str) -> None:
    rows = spark.createDataFrame([(value, 0) for value in VALUES], "value binary, partition int").coalesce(1)
    options = {"kafka.bootstrap.servers": corner.kafka_bootstrap_servers, "kafka.compression.type": codec}
    rows.write.format("kafka").options(**options, topic=corner.kafka_topic).save()

    with open_topic(corner) as topic:
        assert [value for _, value in read_all(topic)] == VALUES


class NoText(str):
    """A header's name that kafka-python takes for text, and writes as bytes that are none."""

    def encode(self, *_: object) -> bytes:
        return b"\xff" + super().encode()


def test_headers_are_read_whatever_their_names_are(corner: Settings) -> None:
    many = [(f"name {number}", b"") for number in range(300)]
    headers = [("trace", b"\x00"), (NoText("trace"), b"v"), ("", b""), ("trace", b"again"), *many]
    with closing(KafkaProducer(bootstrap_servers=corner.kafka_bootstrap_servers)) as producer:
        producer.send(corner.kafka_topic, b"pin", headers=headers, partition=0).get(10)
        producer.send(corner.kafka_topic, b"behind", partition=0).get(10)

    with open_topic(corner) as topic:
        odd, behind = topic.read(0, 0, 2)

    assert odd.headers == (("trace", b"\x00"), (b"\xfftrace", b"v"), ("", b""), ("trace", b"again"), *many)
    assert behind.value == b"behind"


def test_a_record_may_be_nothing_but_a_header_without_a_value(corner: Settings) -> None:
    producer = confluent_kafka.Producer({"bootstrap.servers": corner.kafka_bootstrap_servers})
    producer.produce(corner.kafka_topic, partition=0, timestamp=NOON, headers=[("trace", None)])
    assert producer.flush(10) == 0

    with open_topic(corner) as topic:
        assert list(topic.read(0, 0, 1)) == [Record(corner.kafka_topic, 0, 0, NOON, None, None, (("trace", None),))]


@pytest.mark.parametrize("timestamp", [-(2**63), -2, -1, 0, 1_700_000_000, 1_700_000_000_000_000, 2**63 - 1])
def test_a_record_has_the_time_that_its_producer_says(corner: Settings, timestamp: int) -> None:
    with closing(KafkaProducer(bootstrap_servers=corner.kafka_bootstrap_servers)) as producer:
        producer.send(corner.kafka_topic, b"pin", partition=0, timestamp_ms=timestamp).get(10)

    with open_topic(corner) as topic:
        [record] = topic.read(0, 0, 1)

    assert record == Record(corner.kafka_topic, 0, 0, timestamp, None, b"pin")


def test_a_record_has_the_brokers_time_where_the_broker_stamps(corner: Settings) -> None:
    before = now_ms()
    own = _topic(corner, {"message.timestamp.type": "LogAppendTime"})
    with open_real_topic(own) as topic:
        topic.post(7, b"pin")
        [record] = topic.read(0, 0, 1)

    assert record.timestamp >= before


def test_what_compaction_has_taken_is_a_gap(corner: Settings) -> None:
    own = _topic(
        corner, {"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.01", "segment.ms": "1"}, partitions=1
    )
    _compact_often(own)
    with open_real_topic(own) as topic:
        now = now_ms()
        for number in range(6):
            topic.post(now, b"%d" % number, key=b"%d" % (number % 2))
        topic.post_aborted(now, [b"never"])
        while (compacted := read_all(topic))[0] != (4, b"4"):
            topic.post(now_ms(), None, key=b"end")  # what is written last is not compacted

    assert [offset for offset, _ in compacted if offset < 8] == [4, 5]


def test_a_topic_of_the_platform_refuses_times_that_are_none_and_takes_those_of_its_first_day(corner: Settings) -> None:
    own = corner.model_copy(update={"kafka_topic": f"{corner.kafka_topic}-own"})
    create_topic(own)
    now = now_ms()

    refused = [at for at in (0, 1_700_000_000, now * 1_000, now + 3_700_000) if not _takes(own, at)]
    taken = [at for at in (-1, start_of(own.first_day), now, now + 3_500_000) if _takes(own, at)]

    assert refused == [0, 1_700_000_000, now * 1_000, now + 3_700_000]
    assert taken == [-1, start_of(own.first_day), now, now + 3_500_000]  # -1 is no time at all, which no broker refuses


def test_the_platforms_own_topic_is_set_up_for_it(corner: Settings) -> None:
    own = corner.model_copy(update={"kafka_topic": f"{corner.kafka_topic}-own"})
    create_topic(own)

    assert topic_warnings(own, describe_topic(own), now_ms()) == []


def test_a_topic_of_an_earlier_version_gets_what_it_lacks_and_keeps_what_was_chosen(corner: Settings) -> None:
    own = _topic(corner, {"retention.ms": "-1", "message.timestamp.after.max.ms": "5000"})
    complete_topic(own)

    values = describe_topic(own).values
    assert values["message.timestamp.after.max.ms"] == "5000"
    assert topic_warnings(own, describe_topic(own), now_ms()) == []


def test_a_topic_that_others_have_made_stays_as_it_is_and_is_warned_of(corner: Settings) -> None:
    own = _topic(corner, {"cleanup.policy": "compact", "message.timestamp.after.max.ms": "86400000"})
    create_topic(own)

    warnings = topic_warnings(own, describe_topic(own), now_ms())

    assert [warning.split()[0:4] for warning in warnings] == [
        ["Records", "may", "be", "stamped"],
        ["Records", "may", "be", "stamped"],
        ["It", "is", "compacted:", "Kafka"],
        ["Kafka", "deletes", "records", "after"],
    ]


def test_a_topic_that_is_not_there_is_named(corner: Settings) -> None:
    with pytest.raises(TopicUnavailableError, match="no-such-topic"):
        describe_topic(corner.model_copy(update={"kafka_topic": "no-such-topic"}))


def _topic(settings: Settings, configuration: Mapping[str, str], partitions: int = 1) -> Settings:
    """A topic of others, with what they have set."""
    own = settings.model_copy(update={"kafka_topic": f"of-others-{uuid.uuid4().hex[:12]}"})
    with closing(KafkaAdminClient(bootstrap_servers=own.kafka_bootstrap_servers)) as admin:
        admin.create_topics([NewTopic(own.kafka_topic, partitions, 1, topic_configs=dict(configuration))])
    return own


def _compact_often(settings: Settings) -> None:
    often: dict[str, Any] = {"log.cleaner.backoff.ms": "100"}
    with closing(KafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap_servers)) as admin:
        admin.alter_configs([ConfigResource(ConfigResourceType.BROKER, "1", often)])


def _takes(settings: Settings, timestamp: int) -> bool:
    try:
        with open_real_topic(settings) as topic:
            topic.post(timestamp, b"pin")
    except InvalidTimestampError:
        return False
    return True
