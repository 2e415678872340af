"""Reconciliation of a day over the real stores: a complete day passes, and every missing record is named."""

from __future__ import annotations

import gzip
from datetime import UTC, date, datetime, timedelta

import pytest
from kafka import KafkaAdminClient, KafkaProducer, TopicPartition
from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812

from pinterest_platform.clean_slices.build import read_clean
from pinterest_platform.defs.reconciliation import reconciliation_findings
from pinterest_platform.landing.landing import land_day
from pinterest_platform.landing.raw_objects import day_prefix, encode_record, landed_objects
from pinterest_platform.pins.calendar import MILLISECONDS_A_DAY, MISDATED_DAY, PlausibleTimes, start_of
from pinterest_platform.reconciliation.reconcile import DayReconciliation, NotMaterialisedError, open_stores, reconcile
from pinterest_platform.serving.pinterest_batch import replace_batch_slices
from pinterest_platform.settings import Settings
from pinterest_platform.stores.cassandra import open_session
from pinterest_platform.stores.kafka import open_topic
from pinterest_platform.stores.kafka_batches import Record
from pinterest_platform.stores.postgres import Connection
from pinterest_platform.stores.s3 import open_bucket
from pinterest_platform_tests.support.cleaned_day import replace_clean_slice
from pinterest_platform_tests.support.pins import VALID_PIN, posted

DAY = date(2026, 11, 16)
NOON = datetime(2026, 11, 16, 12, tzinfo=UTC)


@pytest.fixture
def platform(corner: Settings, keyspace: Settings, database: Connection) -> Settings:
    return corner.model_copy(update={"cassandra_keyspace": keyspace.cassandra_keyspace})


def post(settings: Settings, *values: bytes, day: date = DAY) -> None:
    producer = KafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers)
    for value in values:
        producer.send(settings.kafka_topic, value, partition=1, timestamp_ms=start_of(day)).get(30)
    producer.close()


def materialise(spark: SparkSession, settings: Settings, day: date = DAY) -> None:
    bucket = open_bucket(settings)
    with open_topic(settings) as topic:
        land_day(topic, bucket, day, PlausibleTimes.now(settings.first_day))
    replace_clean_slice(spark, bucket, day)
    replace_batch_slices(read_clean(spark, bucket, [day]), settings, [day])


def account_of(settings: Settings, day: date, now: datetime | None = None) -> DayReconciliation:
    with open_stores(settings) as stores:
        return reconcile(stores, day, now)


@pytest.fixture
def materialised(spark: SparkSession, platform: Settings) -> Settings:
    post(platform, posted(), posted(title="newer"), posted(unique_id="other"), b"[]")
    materialise(spark, platform)
    return platform


def test_a_day_that_was_never_cleaned_has_no_account(platform: Settings) -> None:
    with pytest.raises(NotMaterialisedError, match="2026-11-16 was never cleaned"):
        account_of(platform, DAY)


def test_a_day_adds_up(materialised: Settings) -> None:
    reconciliation = account_of(materialised, DAY)

    sets = (
        reconciliation.kafka,
        reconciliation.raw,
        reconciliation.clean,
        reconciliation.quarantined,
        reconciliation.superseded,
        reconciliation.cassandra,
    )
    assert [len(offsets) for offsets in sets] == [4, 4, 2, 1, 1, 2]
    assert reconciliation.differences() == []


def test_repeats_are_counted_anew_not_as_the_cleaning_said(spark: SparkSession, platform: Settings) -> None:
    first, tomorrow = posted(unique_id="a", event_id="e"), DAY + timedelta(days=1)
    post(platform, first, first, posted(unique_id="a", event_id="e", title="other"))
    post(platform, first, first, posted(unique_id="b", event_id="f"), day=tomorrow)
    for day in (DAY, tomorrow):
        materialise(spark, platform, day)

    of_day, of_tomorrow = account_of(platform, DAY), account_of(platform, tomorrow)

    sets = [(each.raw, each.clean, each.superseded, each.repeated) for each in (of_day, of_tomorrow)]
    assert [[len(offsets) for offsets in each] for each in sets] == [[3, 1, 1, 1], [3, 1, 0, 2]]
    assert of_day.differences() == of_tomorrow.differences() == []
    bucket = open_bucket(platform)
    bucket.delete(stored.key for stored in bucket.list("event_ids/dt=2026-11-16/"))
    assert account_of(platform, tomorrow).differences() == [
        "Raw records of 2026-11-17 are neither clean, quarantined, superseded nor repeated: partition 1: 3."
    ]


def test_what_came_after_the_cleaning_is_missing_from_a_closed_day_and_newer_than_an_open_one(
    materialised: Settings,
) -> None:
    post(materialised, posted(), posted())

    closed, still_open = account_of(materialised, DAY), account_of(materialised, DAY, NOON)

    assert closed.differences() == ["S3 lacks raw lines of 2026-11-16 that Kafka has: partition 1: 4, 5."]
    assert (still_open.differences(), still_open.newer) == ([], 2)


def test_raw_lines_that_s3_has_lost_are_named_and_landed_by_the_next_run(
    spark: SparkSession, materialised: Settings
) -> None:
    bucket = open_bucket(materialised)
    bucket.delete([stored.key for stored in bucket.list(day_prefix(DAY))])
    materialise(spark, materialised)  # the ledger still has the offsets

    lost = reconciliation_findings(materialised, [DAY])[DAY]
    materialise(spark, materialised)
    mended = reconciliation_findings(materialised, [DAY])[DAY]

    assert lost.problem is not None
    assert "S3 lacks raw lines of 2026-11-16 that Kafka has: partition 1: 0, 1, 2, 3" in lost.problem
    assert mended.problem is None


def test_a_row_that_cassandra_lost_is_named(materialised: Settings) -> None:
    with open_session(materialised) as session:
        session.set_keyspace(materialised.cassandra_keyspace)
        session.execute(
            "DELETE FROM pinterest_batch WHERE ingest_date = %s AND category = %s AND unique_id = 'other'",
            [DAY, VALID_PIN["category"]],
        )

    assert account_of(materialised, DAY).differences() == [
        "Cassandra lacks rows of 2026-11-16 that clean_pins has: partition 1: 2."
    ]


def test_a_clean_row_that_cassandra_refused_is_counted_as_such(spark: SparkSession, materialised: Settings) -> None:
    too_long = F.when(F.col("unique_id") == "other", F.repeat(F.lit("x"), 70_000)).otherwise(F.col("unique_id"))
    refused = read_clean(spark, open_bucket(materialised), [DAY]).withColumn("unique_id", too_long)

    replace_batch_slices(refused, materialised, [DAY])

    reconciliation = account_of(materialised, DAY)
    assert (len(reconciliation.clean), len(reconciliation.cassandra), len(reconciliation.refused)) == (2, 1, 1)
    assert reconciliation.differences() == []


def test_a_raw_line_that_went_nowhere_is_named(materialised: Settings) -> None:
    bucket = open_bucket(materialised)
    [raw] = landed_objects(bucket, DAY)
    line = encode_record(Record(materialised.kafka_topic, 1, 4, start_of(DAY), None, posted(unique_id="third")))
    about = bucket.describe(raw.key)
    assert about is not None
    bucket.put(raw.key, gzip.compress(gzip.decompress(bucket.get(raw.key)) + line), about.metadata)

    assert account_of(materialised, DAY).differences() == [
        "S3 has raw lines of 2026-11-16 that Kafka does not have (was the topic recreated?): partition 1: 4.",
        "Raw records of 2026-11-16 are neither clean, quarantined, superseded nor repeated: partition 1: 4.",
    ]


def test_a_record_that_the_stream_passed_and_did_not_store_is_named(
    materialised: Settings, database: Connection
) -> None:
    database.execute(
        "INSERT INTO stream_progress (topic, kafka_partition, next_offset) VALUES (%s, 1, 1)",
        [materialised.kafka_topic],
    )

    assert account_of(materialised, DAY).differences() == [
        "PostgreSQL lacks records of 2026-11-16 that the stream has passed: partition 1: 0."
    ]


def test_the_stream_is_compared_from_where_it_began(materialised: Settings, database: Connection) -> None:
    database.execute(
        "INSERT INTO stream_progress (topic, kafka_partition, first_offset, next_offset) VALUES (%s, 1, 3, 4)",
        [materialised.kafka_topic],
    )

    assert account_of(materialised, DAY).differences() == [
        "PostgreSQL lacks records of 2026-11-16 that the stream has passed: partition 1: 3."
    ]


def reject(database: Connection, day: date, offset: int) -> None:
    database.execute(
        "INSERT INTO stream_rejects (ingested_at, ingest_date, kafka_topic, kafka_partition, kafka_offset, reason) "
        "VALUES (%s, %s, 'any', 1, %s, 'any')",
        [NOON, day, offset],
    )


def test_a_record_that_the_stream_alone_found_to_be_misdated_is_no_difference(
    materialised: Settings, database: Connection
) -> None:
    database.execute(
        "INSERT INTO stream_progress (topic, kafka_partition, next_offset) VALUES (%s, 1, 4)",
        [materialised.kafka_topic],
    )
    for offset, day in enumerate([DAY, DAY, DAY, MISDATED_DAY]):
        reject(database, day, offset)

    assert account_of(materialised, DAY).differences() == []


def test_a_record_that_the_batch_alone_found_to_be_misdated_is_no_difference(
    spark: SparkSession, platform: Settings, database: Connection
) -> None:
    bucket = open_bucket(platform)
    post(platform, posted())
    with open_topic(platform) as topic:  # by a clock that stood a day behind
        land_day(topic, bucket, DAY, PlausibleTimes.until(start_of(DAY) - MILLISECONDS_A_DAY, date(2025, 1, 1)))
    materialise(spark, platform)
    database.execute(
        "INSERT INTO stream_progress (topic, kafka_partition, next_offset) VALUES (%s, 1, 1)", [platform.kafka_topic]
    )
    reject(database, DAY, 0)

    reconciliation = account_of(platform, DAY)

    assert (len(reconciliation.kafka), reconciliation.differences()) == (0, [])


def test_records_that_kafka_deleted_are_taken_from_the_raw_objects(materialised: Settings) -> None:
    admin = KafkaAdminClient(bootstrap_servers=materialised.kafka_bootstrap_servers)
    admin.delete_records({TopicPartition(materialised.kafka_topic, 1): 3})
    admin.close()

    reconciliation = account_of(materialised, DAY)

    assert (len(reconciliation.kafka), reconciliation.differences()) == (4, [])
