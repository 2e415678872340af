"""Records that would stop a stream: invalid timestamps, transactions, and a backlog of large events."""

from __future__ import annotations

import random
import string
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from kafka import KafkaProducer
from pyspark.sql import SparkSession

from pinterest_platform.pins.calendar import MILLISECONDS_A_DAY, start_of, today
from pinterest_platform.settings import Settings
from pinterest_platform.stores.kafka import open_topic
from pinterest_platform.stores.postgres import Connection
from pinterest_platform.stream import batch_size
from pinterest_platform.stream.activity import StreamReport
from pinterest_platform.stream.lag import stream_lag
from pinterest_platform.stream.loop import Watcher, run_stream
from pinterest_platform_tests.support.pins import posted
from pinterest_platform_tests.support.streaming import stream_to_the_end

NOW = start_of(today())
NO_TIMES = {
    "not stamped": -1,
    "seconds": 1_700_000_000,
    "microseconds": NOW * 1000,
    "nanoseconds": NOW * 1_000_000,
    "days ahead": NOW + 10 * MILLISECONDS_A_DAY,
    "the first year": -62_135_596_800_000,
    "before the first year": -62_135_596_800_001,
    "the year 10000": 253_402_300_800_000,
    "the last that Spark reads": (2**63 - 1) // 1000,
    "the first that Spark cannot read": (2**63 - 1) // 1000 + 1,
    "the greatest": 2**63 - 1,
    "the least that Kafka takes": -(2**62),
}


@contextmanager
def producing(settings: Settings, **options: Any) -> Iterator[KafkaProducer]:
    producer = KafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers, **options)
    try:
        yield producer
    finally:
        producer.close()


def stored(database: Connection) -> list[str]:
    rows = database.execute("SELECT unique_id FROM pinterest_stream ORDER BY unique_id").fetchall()
    return [str(row[0]) for row in rows]


def test_no_time_of_a_record_stops_those_behind_it(spark: SparkSession, corner: Settings, database: Connection) -> None:
    with producing(corner) as producer:
        for name, timestamp in NO_TIMES.items():
            for unique_id, at in ((f"before {name}", NOW), (name, timestamp), (f"behind {name}", NOW)):
                value = posted(unique_id=unique_id, event_id=unique_id)
                producer.send(corner.kafka_topic, value=value, partition=0, timestamp_ms=at).get(10)

    stream_to_the_end(spark, corner)

    assert stored(database) == sorted([f"before {name}" for name in NO_TIMES] + [f"behind {name}" for name in NO_TIMES])
    rejects = database.execute(
        "SELECT original::json ->> 'unique_id', ingest_date::text, extract(epoch FROM ingested_at)::int "
        "FROM stream_rejects WHERE reason LIKE 'its timestamp is %' ORDER BY kafka_offset"
    ).fetchall()
    assert rejects == [(name, "1970-01-01", 0) for name in NO_TIMES]


def test_a_partition_of_nothing_but_such_records_is_passed(
    spark: SparkSession, corner: Settings, database: Connection
) -> None:
    with producing(corner) as producer:
        for number in range(7_000):
            producer.send(corner.kafka_topic, value=posted(unique_id=f"{number}"), partition=1, timestamp_ms=2**63 - 1)
        producer.flush()
        producer.send(corner.kafka_topic, value=posted(unique_id="the pin"), partition=1, timestamp_ms=NOW).get(10)

    stream_to_the_end(spark, corner)

    assert stored(database) == ["the pin"]
    assert database.execute("SELECT count(*) FROM stream_rejects").fetchall() == [(7_000,)]


def test_a_committed_transaction_is_stored_and_its_marks_are_not_waited_for(
    spark: SparkSession, corner: Settings, database: Connection
) -> None:
    with producing(corner, transactional_id=f"{corner.kafka_topic} committed") as producer:
        producer.init_transactions()
        producer.begin_transaction()
        for partition in range(3):
            producer.send(corner.kafka_topic, value=posted(unique_id=f"{partition}"), partition=partition)
        producer.commit_transaction()
        producer.begin_transaction()
        for partition in range(3):
            producer.send(corner.kafka_topic, value=posted(unique_id=f"aborted {partition}"), partition=partition)
        producer.flush()
        producer.abort_transaction()

    stream_to_the_end(spark, corner)
    assert stored(database) == ["0", "1", "2"]
    assert stream_lag(corner) == 0
    with open_topic(corner) as topic:
        assert topic.end_offsets() == {0: 4, 1: 4, 2: 4}

    with producing(corner) as producer:
        producer.send(corner.kafka_topic, value=posted(unique_id="3"), partition=1)
    stream_to_the_end(spark, corner)
    assert stored(database) == ["0", "1", "2", "3"]


def test_a_backlog_of_large_events_is_read_in_batches_of_few(
    spark: SparkSession, corner: Settings, database: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_size, "BATCH_BYTES", 1024 * 1024)
    large = "".join(random.Random(7).choices(string.ascii_letters, k=31_000))
    with producing(corner) as producer:
        for number in range(400):
            value = posted(unique_id=f"{number}", event_id=f"{number}", description=large)
            producer.send(corner.kafka_topic, value=value, partition=number % 3)
    reports: list[StreamReport] = []

    def is_caught_up() -> bool:
        return stream_lag(corner) == 0

    run_stream(lambda: spark, corner, "the test", Watcher(reports.append, is_caught_up, report_every_seconds=0.5))

    assert len(stored(database)) == 400
    assert all(report.rows <= 36 * report.batches for report in reports)  # 33 large ones, shared among partitions
