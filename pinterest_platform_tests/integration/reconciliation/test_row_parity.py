"""Row parity of batch and stream over the real stores: a closed day is equal, and a row that differs is named."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, date, datetime, timedelta

import pytest
from kafka import KafkaProducer
from pyspark.sql import SparkSession

from pinterest_platform.defs.reconciliation import rows_finding
from pinterest_platform.landing.landing import land_day
from pinterest_platform.pins.calendar import PlausibleTimes, start_of
from pinterest_platform.reconciliation.row_parity import Parity, compare_with_stream
from pinterest_platform.settings import Settings
from pinterest_platform.stores.kafka import open_topic
from pinterest_platform.stores.postgres import Connection
from pinterest_platform.stores.s3 import open_bucket
from pinterest_platform.stream.day_partitions import create_day_partition
from pinterest_platform_tests.support.cleaned_day import replace_clean_slice
from pinterest_platform_tests.support.pins import posted
from pinterest_platform_tests.support.streaming import stream_to_the_end

DAY = date(2026, 11, 16)
LATER = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.fixture
def both(spark: SparkSession, corner: Settings, database: Connection) -> Settings:
    """A day in both paths: a pin in two versions, an event that was sent twice, its id on another pin, and no pin."""
    values = [
        posted(unique_id="a", event_id="1"),
        posted(unique_id="a", event_id="2", title="newer\ttitle\\"),
        posted(unique_id="b", event_id="3"),
        posted(unique_id="b", event_id="3"),
        posted(unique_id="c", event_id="3"),
        b"no pin",
    ]
    producer = KafkaProducer(bootstrap_servers=corner.kafka_bootstrap_servers)
    for number, value in enumerate(values):
        producer.send(corner.kafka_topic, value=value, partition=1, timestamp_ms=start_of(DAY) + number).get(30)
    producer.close()
    bucket = open_bucket(corner)
    with open_topic(corner) as topic:
        land_day(topic, bucket, DAY, PlausibleTimes.now(corner.first_day))
    replace_clean_slice(spark, bucket, DAY)
    stream_to_the_end(spark, corner)
    return corner


def test_a_closed_day_is_compared_row_by_row(both: Settings, database: Connection) -> None:
    assert compare_with_stream(both, DAY) == Parity(rows=3, different=[], only_in_stream=[])
    assert rows_finding(both, DAY, LATER).problem is None

    database.execute("UPDATE pinterest_stream SET title = 'another' WHERE event_id = '2'")
    database.execute(
        "INSERT INTO pinterest_stream (unique_id, index_id, category, event_id, ingested_at, ingest_date,"
        " kafka_partition, kafka_offset) VALUES ('d', 1, 'art', '9', '2026-11-16', '2026-11-16', 2, 0)"
    )

    assert compare_with_stream(both, DAY) == Parity(rows=3, different=[(1, 1)], only_in_stream=[(2, 0)])
    assert rows_finding(both, DAY, LATER).problem == (
        "Missing or different in the stream: partition 1 offset 1. Only in the stream: partition 2 offset 0."
    )


def test_no_other_day_of_the_stream_is_read(both: Settings, database: Connection) -> None:
    create_day_partition(database, DAY + timedelta(days=1))
    with ThreadPoolExecutor() as others, database.transaction():
        # Whoever reads this day now waits until we let it go.
        database.execute("LOCK TABLE pinterest_stream_2026_11_17 IN ACCESS EXCLUSIVE MODE")
        compared = others.submit(compare_with_stream, both, DAY)
        done, _ = wait([compared], timeout=20)

    assert done, "the comparison waited for a day that it has nothing to do with"
    assert compared.result() == Parity(rows=3, different=[], only_in_stream=[])


def test_a_day_that_is_open_or_not_kept_is_not_compared(corner: Settings, database: Connection) -> None:
    still_open = rows_finding(corner, DAY, datetime(2026, 11, 16, 12, tzinfo=UTC))

    assert (still_open.problem, still_open.facts) == (None, {"compared": "not yet, the day is still open"})
