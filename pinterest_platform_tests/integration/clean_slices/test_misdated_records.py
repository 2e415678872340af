"""Misdated records over the real stores: kept, quarantined with a reason, and reconciled."""

from __future__ import annotations

from datetime import date

from kafka import KafkaProducer
from pyspark.sql import SparkSession

from pinterest_platform.clean_slices.build import replace_misdated_slice
from pinterest_platform.clean_slices.manifest import quarantine_files, read_manifest
from pinterest_platform.landing.landing import land_day
from pinterest_platform.pins.calendar import BEFORE_FIRST_DAY, MISDATED_DAY, PlausibleTimes, start_of
from pinterest_platform.reconciliation.reconcile import open_stores, reconcile
from pinterest_platform.settings import Settings
from pinterest_platform.stores.kafka import open_topic
from pinterest_platform.stores.parquet import first_rows
from pinterest_platform.stores.postgres import Connection
from pinterest_platform.stores.s3 import open_bucket
from pinterest_platform_tests.support.pins import posted

DAY = date(2026, 11, 16)


def test_a_record_whose_time_is_in_seconds_is_quarantined_and_accounted_for(
    spark: SparkSession, corner: Settings, keyspace: Settings, database: Connection
) -> None:
    own = corner.model_copy(update={"cassandra_keyspace": keyspace.cassandra_keyspace})
    producer = KafkaProducer(bootstrap_servers=own.kafka_bootstrap_servers)
    for at in (start_of(DAY), start_of(DAY) // 1000, start_of(DAY)):
        producer.send(own.kafka_topic, posted(), partition=0, timestamp_ms=at).get(30)
    producer.close()
    bucket = open_bucket(own)

    with open_topic(own) as topic:
        landed = land_day(topic, bucket, DAY, PlausibleTimes.now(own.first_day))
    replace_misdated_slice(spark, bucket, own.first_day)
    with open_stores(own) as stores:
        account = reconcile(stores, MISDATED_DAY)

    outcome = read_manifest(bucket, MISDATED_DAY)
    assert outcome is not None
    assert (landed.records, outcome.clean, outcome.reasons) == (2, 0, {BEFORE_FIRST_DAY: 1})
    rows = first_rows(own, quarantine_files(bucket, MISDATED_DAY), 5)
    assert rows is not None
    [row] = rows.to_pylist()
    assert (row["kafka_offset"], row["reason"], row["ingest_date"]) == (1, BEFORE_FIRST_DAY, MISDATED_DAY)
    assert ([len(offsets) for offsets in (account.kafka, account.raw, account.quarantined)]) == [1, 1, 1]
    assert account.differences() == []
