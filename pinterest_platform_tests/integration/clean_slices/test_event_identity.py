"""Repeated events and reused event ids around midnight: batch and stream treat them the same."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, Phase, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from pinterest_platform.clean_slices.build import read_clean
from pinterest_platform.landing.landing import land_day
from pinterest_platform.landing.rerun_requests import days_to_rerun
from pinterest_platform.pins.calendar import PlausibleTimes, start_of
from pinterest_platform.pins.cleaning import CLEAN_COLUMNS, RECORD_SCHEMA, clean_records
from pinterest_platform.settings import Settings
from pinterest_platform.stores.postgres import Connection
from pinterest_platform.stores.s3 import ObjectStore, create_bucket, open_bucket
from pinterest_platform.stream.copy_lines import LINE, copy_lines
from pinterest_platform.stream.lease import take_over
from pinterest_platform.stream.profiles import differing_profiles
from pinterest_platform.stream.sink import write_batch
from pinterest_platform_tests.integration.conftest import EMPTY_TABLES
from pinterest_platform_tests.support.clean_slices import settle
from pinterest_platform_tests.support.cleaned_day import replace_clean_slice
from pinterest_platform_tests.support.fakes import FakeTopic
from pinterest_platform_tests.support.pins import posted

DAY = date(2026, 11, 16)
DAYS = [DAY, DAY + timedelta(days=1), DAY + timedelta(days=2)]
PARTITIONS = 2
# Which day and second, partition, pin, event id (none: derived) and title.
Post = tuple[int, int, int, str, str | None, str]
POSTS = st.tuples(
    st.integers(0, 2), st.integers(0, 3), st.integers(0, PARTITIONS - 1), st.sampled_from("ab"),
    st.sampled_from(["e", "f", None]), st.sampled_from(["x", "y"]),
)  # fmt: skip


def topic_of(posts: list[Post]) -> FakeTopic:
    topic = FakeTopic(partitions=PARTITIONS)
    for day, second, partition, pin, event, title in sorted(posts, key=lambda post: post[:2]):
        value = posted(unique_id=pin, title=title, **({"event_id": event} if event else {}))
        topic.post(start_of(DAYS[day]) + 1000 * second, value, partition=partition)
    return topic


def stream(spark: SparkSession, database: Connection, topic: FakeTopic, records_a_batch: int) -> None:
    """A partition after the other, so that what comes later by its time may be read first."""
    for partition in reversed(range(PARTITIONS)):
        records = list(topic.read(partition, 0, topic.end_offsets()[partition]))
        rows: list[Any] = [
            (record.topic, partition, record.offset, datetime.fromtimestamp(record.timestamp / 1000, UTC), None,
             record.value)
            for record in records
        ]  # fmt: skip
        cleaned = clean_records(spark.createDataFrame(rows, RECORD_SCHEMA))
        cleaned = copy_lines(cleaned.orderBy("kafka_offset"))
        lines = [row[LINE] for row in cleaned.collect()]
        for first in range(0, len(lines), records_a_batch):
            write_batch(database, "pins", "the test", lines[first : first + records_a_batch])


def rows_of_the_batch(spark: SparkSession, settings: Settings, topic: FakeTopic, order: list[int]) -> list[Any]:
    bucket = open_bucket(settings)
    for number in order:
        land_day(topic, bucket, DAYS[number], PlausibleTimes.now(settings.first_day))
        clean(spark, bucket, DAYS[number])
    while grown := days_to_rerun(bucket):
        clean(spark, bucket, grown[0])
    found = read_clean(spark, bucket, DAYS).select(*CLEAN_COLUMNS).collect()
    return sorted(tuple(row) for row in found)


def clean(spark: SparkSession, bucket: ObjectStore, day: date) -> None:
    replace_clean_slice(spark, bucket, day)
    settle(bucket, day)


def rows_of_the_stream(database: Connection) -> list[Any]:
    columns = ", ".join(CLEAN_COLUMNS)
    rows: list[Any] = database.execute(f"SELECT {columns} FROM pinterest_stream_slices").fetchall()  # noqa: S608
    place = CLEAN_COLUMNS.index("ingested_at")
    return sorted((*row[:place], row[place].astimezone(UTC).replace(tzinfo=None), *row[place + 1 :]) for row in rows)


@hypothesis_settings(
    max_examples=3,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@example(
    posts=[
        (0, 3, 0, "a", "e", "x"),
        (1, 0, 1, "a", "e", "x"),  # read first by the stream
        (1, 1, 0, "a", "e", "y"),
        (1, 2, 0, "b", "e", "x"),
        (2, 0, 0, "a", None, "x"),
        (2, 1, 1, "a", "e", "x"),
    ],
    order=[2, 0, 1],
    records_a_batch=2,
)
@given(
    posts=st.lists(POSTS, min_size=1, max_size=20),
    order=st.permutations([0, 1, 2]),
    records_a_batch=st.sampled_from([2, 100]),
)
def test_both_layers_make_the_same_of_repeated_events_and_ids(
    spark: SparkSession, corner: Settings, database: Connection, posts: list[Post], order: list[int],
    records_a_batch: int,
) -> None:  # fmt: skip
    own, topic = corner.model_copy(update={"s3_bucket": f"t{uuid.uuid4().hex[:12]}"}), topic_of(posts)
    create_bucket(own)
    database.execute(EMPTY_TABLES)
    take_over(own.model_copy(update={"kafka_topic": "pins"}), "the test")

    stream(spark, database, topic, records_a_batch)

    assert rows_of_the_stream(database) == rows_of_the_batch(spark, own, topic, order)
    different_events = {(pin, event, title) for *_, pin, event, title in posts if event}
    derived = sum(event is None for *_, event, _ in posts)
    [(stored,)] = database.execute("SELECT count(*) FROM pinterest_stream").fetchall()
    assert stored == len(different_events) + derived
    assert differing_profiles(database) == []
