"""A topic that is deleted and recreated, over the real stores: refused, then accepted as a new epoch."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import pytest
from kafka import KafkaAdminClient, KafkaProducer
from pyspark.sql import SparkSession

from pinterest_platform.clean_slices.manifest import read_manifest
from pinterest_platform.landing.losses import losses
from pinterest_platform.landing.topic_identity import TopicReplacedError, known_topics
from pinterest_platform.pins.calendar import start_of
from pinterest_platform.reconciliation.accept_topic import accept_topic
from pinterest_platform.reconciliation.layer_parity import is_in_both_layers
from pinterest_platform.reconciliation.reconcile import open_stores, reconcile
from pinterest_platform.settings import Settings
from pinterest_platform.stores.kafka import TopicUnavailableError, create_topic, open_topic
from pinterest_platform.stores.postgres import Connection
from pinterest_platform.stores.s3 import open_bucket
from pinterest_platform.stream.lag import stream_lag
from pinterest_platform.stream.query import StreamOffsetsLostError
from pinterest_platform_tests.support.batch_process import run_day
from pinterest_platform_tests.support.pins import posted
from pinterest_platform_tests.support.streaming import stream_to_the_end
from pinterest_platform_tests.support.waiting import wait_for

DAY = date(2026, 11, 16)
_ROWS = "SELECT kafka_partition, kafka_offset, unique_id FROM pinterest_stream ORDER BY 1, 2"


@pytest.fixture
def platform(corner: Settings, keyspace: Settings, database: Connection) -> Settings:
    update = {"cassandra_keyspace": keyspace.cassandra_keyspace, "stream_retention_days": -1}
    return corner.model_copy(update=update)


def post(settings: Settings, *names: str) -> None:
    producer = KafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers)
    for name in names:
        value = posted(unique_id=name, event_id=name)
        producer.send(settings.kafka_topic, value, partition=1, timestamp_ms=start_of(DAY)).get(30)
    producer.close()


def recreate_topic(settings: Settings) -> None:
    admin = KafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap_servers)
    admin.delete_topics([settings.kafka_topic])
    wait_for(lambda: settings.kafka_topic not in admin.list_topics())
    admin.close()

    def has_topic() -> bool:
        create_topic(settings)
        try:
            with open_topic(settings) as topic:
                return bool(topic.end_offsets())
        except TopicUnavailableError:
            return False

    wait_for(has_topic)


def rows(database: Connection) -> Iterable[object]:
    return database.execute(_ROWS).fetchall()


def differences(settings: Settings) -> list[str]:
    with open_stores(settings) as stores:
        return reconcile(stores, DAY).differences()


def test_a_day_may_have_records_of_two_epochs(spark: SparkSession, platform: Settings, database: Connection) -> None:
    post(platform, "a", "b")
    run_day(platform, DAY, lambda: spark)
    stream_to_the_end(spark, platform)
    recreate_topic(platform)
    post(platform, "c", "d", "e")

    with pytest.raises(TopicReplacedError, match="make accept-topic"):
        run_day(platform, DAY, lambda: spark, ["land"])
    with pytest.raises(StreamOffsetsLostError, match="make accept-topic"):
        stream_to_the_end(spark, platform)
    accepted, again = accept_topic(platform), accept_topic(platform)

    assert (accepted.is_new, accepted.current.epoch, accepted.lost, accepted.unstreamed) == (True, 1, (), {})
    assert (again.is_new, again.current) == (False, accepted.current)
    assert stream_lag(platform) == 3
    run_day(platform, DAY, lambda: spark)
    stream_to_the_end(spark, platform, "the test, again")
    assert rows(database) == [(1, 0, "a"), (1, 1, "b"), (100_001, 0, "c"), (100_001, 1, "d"), (100_001, 2, "e")]
    cleaned = read_manifest(open_bucket(platform), DAY)
    assert cleaned is not None
    assert (cleaned.clean, cleaned.next_offsets) == (5, {1: 2, 100_001: 3})
    assert differences(platform) == []
    assert is_in_both_layers(open_bucket(platform), database, platform.kafka_topic, DAY)


def test_what_only_one_layer_had_read_is_told(spark: SparkSession, platform: Settings, database: Connection) -> None:
    post(platform, "a")
    run_day(platform, DAY, lambda: spark)
    stream_to_the_end(spark, platform)
    post(platform, "only the stream")
    stream_to_the_end(spark, platform, "the test, again")
    recreate_topic(platform)

    accepted = accept_topic(platform)

    bucket = open_bucket(platform)
    assert [loss.in_words() for loss in accepted.lost] == ["partition 1, offsets 1-1"]
    assert accepted.lost == tuple(losses(bucket))
    assert accepted.lost[0].meets(DAY)
    run_day(platform, DAY, lambda: spark)
    assert differences(platform) == []
    assert [(known.epoch, known.topic) for known in known_topics(bucket)] == [
        (0, platform.kafka_topic),
        (1, platform.kafka_topic),
    ]


def test_what_the_stream_had_not_read_is_told(spark: SparkSession, platform: Settings, database: Connection) -> None:
    post(platform, "a", "b")
    run_day(platform, DAY, lambda: spark, ["land"])
    recreate_topic(platform)
    post(platform, "c")

    accepted = accept_topic(platform)
    stream_to_the_end(spark, platform)

    assert accepted.unstreamed == {1: 2}
    assert rows(database) == [(100_001, 0, "c")]
    run_day(platform, DAY, lambda: spark)
    assert differences(platform) == []
    assert not is_in_both_layers(open_bucket(platform), database, platform.kafka_topic, DAY)
