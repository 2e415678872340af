"""The streaming loop over real Kafka, Spark and PostgreSQL: where it starts, that it stops, and what it survives."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from random import Random
from string import ascii_letters

import pytest
from kafka import KafkaProducer
from pyspark.sql import SparkSession

from pinterest_platform.clean_slices.build import read_clean, read_raw
from pinterest_platform.landing.landing import land_day
from pinterest_platform.landing.raw_objects import day_prefix
from pinterest_platform.pins.calendar import MILLISECONDS_AN_HOUR, PlausibleTimes, start_of
from pinterest_platform.pins.cleaning import CLEAN_COLUMNS, as_lines
from pinterest_platform.settings import Settings
from pinterest_platform.stores.kafka import open_topic
from pinterest_platform.stores.postgres import Connection
from pinterest_platform.stores.s3 import open_bucket
from pinterest_platform.stream.lag import stream_lag
from pinterest_platform.stream.query import StreamOffsetsLostError
from pinterest_platform_tests.support.cleaned_day import replace_clean_slice
from pinterest_platform_tests.support.pins import posted
from pinterest_platform_tests.support.streaming import stream_to_the_end

DAY = datetime(2026, 11, 16, tzinfo=UTC).date()
AT = start_of(DAY) + MILLISECONDS_AN_HOUR


def post(settings: Settings, *values: bytes) -> None:
    producer = KafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers)
    for value in values:
        producer.send(settings.kafka_topic, value=value, timestamp_ms=AT)
    producer.close()


def stored(database: Connection) -> list[str]:
    rows = database.execute("SELECT unique_id FROM pinterest_stream ORDER BY unique_id").fetchall()
    return [str(row[0]) for row in rows]


def test_what_was_posted_before_the_first_start_is_not_missed(
    spark: SparkSession, corner: Settings, database: Connection
) -> None:
    post(corner, posted(unique_id="a"), posted(unique_id="b"), b"no pin")

    stream_to_the_end(spark, corner)

    assert stored(database) == ["a", "b"]


@pytest.mark.parametrize("field", ["unique_id", "event_id", "poster_name"])
def test_a_text_that_no_index_could_hold_is_a_reject_and_what_follows_is_stored(
    spark: SparkSession, corner: Settings, database: Connection, field: str
) -> None:
    text = "".join(Random(7).choices(ascii_letters, k=5_000))
    post(corner, posted(**{field: text}), posted(unique_id="next"))

    stream_to_the_end(spark, corner)

    assert stored(database) == ["next"]
    rejects = database.execute("SELECT reason, original FROM stream_rejects").fetchall()
    limit = "1,024" if field == "poster_name" else "512"
    assert rejects == [(f"{field} is longer than {limit} bytes", posted(**{field: text}).decode())]


def test_a_lost_checkpoint_loses_and_doubles_nothing(
    spark: SparkSession, corner: Settings, database: Connection
) -> None:
    post(corner, posted(unique_id="a"))
    stream_to_the_end(spark, corner)
    shutil.rmtree(corner.state_folder / "stream-checkpoint")
    post(corner, posted(unique_id="b"))

    stream_to_the_end(spark, corner)

    assert stored(database) == ["a", "b"]
    assert database.execute("SELECT posts FROM profile_popularity").fetchall() == [(2,)]


def test_a_recreated_topic_is_an_error_that_says_what_to_do(
    spark: SparkSession, corner: Settings, database: Connection
) -> None:
    database.execute("INSERT INTO stream_progress VALUES (%s, 0, 99)", [corner.kafka_topic])

    with pytest.raises(StreamOffsetsLostError, match=r"offset 99.*was recreated.*stream_progress"):
        stream_to_the_end(spark, corner)


def test_batch_and_stream_clean_alike(spark: SparkSession, corner: Settings, database: Connection) -> None:
    post(
        corner,
        posted(unique_id="a", title="No Title Data Available", follower_count="1.5k"),
        posted(unique_id="b", poster_name="🧶 Ελένη", description="…\u00a0"),
        b'{"unique_id": "c"}',
        b"\xff",
    )
    stream_to_the_end(spark, corner)
    bucket = open_bucket(corner)
    with open_topic(corner) as topic:
        land_day(topic, bucket, DAY, PlausibleTimes.now(corner.first_day))
    replace_clean_slice(spark, bucket, DAY)

    from_batch = read_clean(spark, bucket, [DAY]).orderBy("unique_id").drop("ingested_at").collect()
    columns = ", ".join(name for name in CLEAN_COLUMNS if name != "ingested_at")
    from_stream = database.execute(f"SELECT {columns} FROM pinterest_stream ORDER BY unique_id").fetchall()  # noqa: S608
    assert [tuple(row) for row in from_batch] == from_stream
    rejects = database.execute("SELECT reason FROM stream_rejects ORDER BY reason").fetchall()
    assert rejects == [("category is missing",), ("the value is not UTF-8 text",)]


def test_raw_objects_give_the_records_that_kafka_gives(spark: SparkSession, corner: Settings) -> None:
    values = [posted(), b"\xff\x00", b"", "Ώρα\u2028".encode()]
    post(corner, *values)
    bucket = open_bucket(corner)
    with open_topic(corner) as topic:
        land_day(topic, bucket, DAY, PlausibleTimes.now(corner.first_day))

    source = spark.read.format("kafka").options(
        **{"kafka.bootstrap.servers": corner.kafka_bootstrap_servers, "subscribe": corner.kafka_topic}
    )
    keys = [item.key for item in bucket.list(day_prefix(DAY))]
    from_s3 = read_raw(spark, bucket, keys).orderBy("partition", "offset").collect()

    assert from_s3 == as_lines(source.load()).orderBy("partition", "offset").collect()
    assert {(row["value"], row["value_base64"]) for row in from_s3} == {
        (posted().decode(), None),
        (None, "/wA="),
        ("", None),
        ("Ώρα\u2028", None),
    }


def test_the_lag_counts_what_is_posted_and_not_stored(
    spark: SparkSession, corner: Settings, database: Connection
) -> None:
    post(corner, posted(), posted())
    assert stream_lag(corner) == 2

    stream_to_the_end(spark, corner)
    assert stream_lag(corner) == 0
