"""The same code on a Spark cluster: a day processed by its executors gives the same rows as in one process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import date

import pytest
from kafka import KafkaProducer
from pyspark.sql import SparkSession

from pinterest_platform.clean_slices.manifest import clean_files, quarantine_files
from pinterest_platform.landing.landing import land_day
from pinterest_platform.pins.calendar import PlausibleTimes, start_of
from pinterest_platform.settings import Settings
from pinterest_platform.stores.kafka import open_topic
from pinterest_platform.stores.postgres import Connection
from pinterest_platform.stores.s3 import create_bucket, open_bucket
from pinterest_platform_tests.support.cleaned_day import replace_clean_slice
from pinterest_platform_tests.support.pins import posted
from pinterest_platform_tests.support.rows import cassandra_rows, parquet_rows
from pinterest_platform_tests.support.spark_cluster import SparkCluster, spark_cluster

DAY = date(2026, 11, 16)
RECORDS = 300
BATCH = "raw_pins,clean_pins,quarantined_pins,pinterest_batch"
MATERIALISE = ("dagster", "asset", "materialize", "-m", "pinterest_platform.definitions", "--select", BATCH)


@pytest.fixture(scope="module")
def cluster(stores: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkCluster]:
    with spark_cluster(stores, tmp_path_factory.mktemp("cluster")) as started:
        yield started


@pytest.fixture
def day(corner: Settings, keyspace: Settings) -> Settings:
    """Settings of a topic that has a day of pins: some posted twice, some no pins."""
    own = corner.model_copy(update={"cassandra_keyspace": keyspace.cassandra_keyspace})
    producer = KafkaProducer(bootstrap_servers=own.kafka_bootstrap_servers)
    for number in range(RECORDS):
        pin = posted(unique_id=str(number % 250), category=f"category-{number % 7}", title=f"title {number}")
        value = b"no pin" if number % 50 == 0 else pin
        producer.send(own.kafka_topic, value=value, partition=number % 3, timestamp_ms=start_of(DAY) + number)
    producer.close()
    return own


def on_cluster(settings: Settings, cluster: SparkCluster) -> Settings:
    """Executors with room on this machine, and with temporary folders of their own, not the driver's."""
    java_options = "-Dhadoop.tmp.dir=hadoop -XX:TieredStopAtLevel=1"  # for so few records, as the driver's
    options = {"spark.executor.memory": "512m", "spark.executor.extraJavaOptions": java_options}
    return settings.model_copy(update={"spark_master": cluster.master, "spark_options": options})


def run_module(settings: Settings, *arguments: str) -> None:
    """In a process of its own, since a process has one Spark session."""
    finished = subprocess.run(
        [sys.executable, "-m", *arguments],
        env=os.environ | settings.environment() | {"PYTHONWARNINGS": "default"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr[-5000:]


def test_a_day_through_the_executors_of_a_cluster_is_the_same_day(
    spark: SparkSession, day: Settings, cluster: SparkCluster
) -> None:
    local = day.model_copy(update={"s3_bucket": f"{day.s3_bucket}-local"})
    create_bucket(local)
    here, there = open_bucket(local), open_bucket(day)
    with open_topic(local) as topic:
        land_day(topic, here, DAY, PlausibleTimes.now(local.first_day))
    expected = replace_clean_slice(spark, here, DAY)
    assert (expected.clean, expected.quarantined) == (245, 6)

    run_module(on_cluster(day, cluster), *MATERIALISE, "--partition", DAY.isoformat())

    clean = parquet_rows(here, clean_files(here, DAY))
    assert parquet_rows(there, clean_files(there, DAY)) == clean
    quarantined = parquet_rows(here, quarantine_files(here, DAY))
    assert parquet_rows(there, quarantine_files(there, DAY)) == quarantined
    assert cassandra_rows(day) == clean
    assert all(cluster.finished_tasks()), "a worker had nothing to do"


def test_the_stream_reads_through_the_executors_of_a_cluster(
    day: Settings, cluster: SparkCluster, database: Connection
) -> None:
    before = sum(cluster.finished_tasks())

    run_module(on_cluster(day, cluster), "pinterest_platform_tests.support.streaming")

    stored = database.execute("SELECT (SELECT count(*) FROM pinterest_stream), (SELECT count(*) FROM stream_rejects)")
    assert stored.fetchall() == [(RECORDS - 6, 6)]
    assert sum(cluster.finished_tasks()) > before
