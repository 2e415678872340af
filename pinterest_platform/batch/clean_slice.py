"""The clean slice of a day: raw objects in, Parquet of clean pins and of quarantined records out.

Belongs here: which objects are read and written, and how many rows went where. Does not belong here: the rules
(`pins.cleaning`) and which files count (`batch.slice_files`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from pyspark.sql import Column, DataFrame, Observation, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from pinterest_platform.batch.grown_days import marks_of
from pinterest_platform.batch.raw_objects import RawObject, landed_objects
from pinterest_platform.batch.slice_files import CleanSlice, SliceWriter, clean_files, clean_prefix, quarantine_prefix
from pinterest_platform.pins.cleaning import (
    RECORD_SCHEMA,
    accepted,
    clean_records,
    newest_per_pin,
    rejected,
)
from pinterest_platform.stores.s3 import ObjectStore

_LINE_SCHEMA = (
    "topic string, partition int, offset bigint, timestamp bigint, "
    "key string, key_base64 string, value string, value_base64 string"
)


def replace_clean_slice(spark: SparkSession, bucket: ObjectStore, day: date) -> CleanSlice:
    """Clean the day's raw objects and replace the day's clean and quarantined Parquet with the outcome."""
    writer, marks = SliceWriter(bucket, day), marks_of(bucket, day)
    raw_objects = list(landed_objects(bucket, day))
    keys = [stored.key for stored in raw_objects]
    records, pins, written = Observation("records"), Observation("pins"), Observation("written")
    cleaned = clean_records(read_raw(spark, bucket, keys)).observe(
        records, F.count("*").alias("raw"), F.count("reason").alias("rejected")
    )
    readable = accepted(cleaned).observe(pins, F.count("*").alias("readable"))
    newest = newest_per_pin(readable).observe(written, F.count("*").alias("clean"))
    clean = _write(newest, bucket, writer, clean_prefix(day))
    quarantine: list[str] = []
    if records.get["rejected"]:
        # The few rejects are worked out a second time: keeping them from the first would mean caching the whole day.
        rejects = rejected(clean_records(read_raw(spark, bucket, keys)))
        quarantine = _write(rejects, bucket, writer, quarantine_prefix(day))
    reasons = _count_reasons(spark, bucket, quarantine)
    outcome = CleanSlice(
        day=day,
        raw=records.get["raw"],
        clean=written.get["clean"],
        superseded=pins.get["readable"] - written.get["clean"],
        quarantined=sum(reasons.values()),
        reasons=reasons,
        next_offsets=_next_offsets(raw_objects),
    )
    writer.publish(outcome, clean, quarantine)
    bucket.delete(marks)
    return outcome


def _next_offsets(raw_objects: Sequence[RawObject]) -> dict[int, int]:
    ends: dict[int, int] = {}
    for stored in raw_objects:
        ends[stored.partition] = max(ends.get(stored.partition, 0), stored.last_offset + 1)
    return ends


def read_clean(spark: SparkSession, bucket: ObjectStore, day: date) -> DataFrame:
    """The day's clean pins."""
    return spark.read.parquet(*(_url(bucket, key) for key in clean_files(bucket, day)))


def read_raw(spark: SparkSession, bucket: ObjectStore, keys: Sequence[str]) -> DataFrame:
    """The records in raw objects, in the shape that the Kafka source has."""
    if not keys:
        return spark.createDataFrame([], RECORD_SCHEMA)
    lines = spark.read.schema(_LINE_SCHEMA).json([_url(bucket, key) for key in keys], mode="FAILFAST")
    return lines.select(
        "topic",
        "partition",
        "offset",
        F.timestamp_millis("timestamp").alias("timestamp"),
        _bytes_of("key").alias("key"),
        _bytes_of("value").alias("value"),
    )


def _count_reasons(spark: SparkSession, bucket: ObjectStore, quarantine: Sequence[str]) -> dict[str, int]:
    if not quarantine:
        return {}
    counts = spark.read.parquet(*(_url(bucket, key) for key in quarantine)).groupBy("reason").count().collect()
    return {row["reason"]: row["count"] for row in counts}


def _write(rows: DataFrame, bucket: ObjectStore, writer: SliceWriter, prefix: str) -> list[str]:
    rows.write.mode("append").parquet(_url(bucket, prefix))
    return writer.files_of_last_write(prefix)


def _bytes_of(name: str) -> Column:
    return F.coalesce(F.col(name).cast("binary"), F.unbase64(f"{name}_base64"))


def _url(bucket: ObjectStore, key: str) -> str:
    return f"s3a://{bucket.name}/{key}"
