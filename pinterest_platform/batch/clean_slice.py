"""The clean slices of days: raw objects in, Parquet of clean pins and of quarantined records out.

Belongs here: which objects are read and written, and how many rows went where. Does not belong here: the rules
(`pins.cleaning`) and which files count (`batch.slice_files`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from functools import partial

from pyspark.sql import Column, DataFrame, Observation, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from pinterest_platform.batch.days_together import small_days_together
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
# The clean rows of so many fit into a small driver's memory and disk.
_RECORDS_TOGETHER = 500_000
# Each file costs S3A's committer a dozen requests, so a small day is one file.
_RECORDS_A_FILE = 100_000
# A small day's write waits for S3 more than it works.
_WRITES_AT_ONCE = 4


@dataclass(frozen=True)
class _Day:
    """A day as it stands before it is read: what comes later is for its next cleaning."""

    day: date
    writer: SliceWriter
    marks: list[str]
    raw_objects: list[RawObject]

    @classmethod
    def begin(cls, bucket: ObjectStore, day: date) -> _Day:
        writer, marks = SliceWriter(bucket, day), marks_of(bucket, day)
        return cls(day, writer, marks, list(landed_objects(bucket, day)))

    @property
    def records(self) -> int:
        return sum(stored.records for stored in self.raw_objects)


def replace_clean_slice(spark: SparkSession, bucket: ObjectStore, day: date) -> CleanSlice:
    """`replace_clean_slices` for one day."""
    [outcome] = replace_clean_slices(spark, bucket, [day])
    return outcome


def replace_clean_slices(spark: SparkSession, bucket: ObjectStore, days: Iterable[date]) -> Iterator[CleanSlice]:
    """Clean each day's raw objects and replace its clean and quarantined Parquet; outcomes in the order of the days.

    Small days are cleaned by one Spark job, which costs seconds whatever its size, and written some at once.
    """
    begun = (_Day.begin(bucket, day) for day in days)
    for together in small_days_together(begun, lambda day: day.records, _RECORDS_TOGETHER):
        records = Observation("records")
        cleaned = _clean(spark, bucket, together).observe(records, *_counts_by_day(together))
        newest = newest_per_pin(accepted(cleaned))
        if len(together) > 1:
            # Kept as rows without a plan: Spark would go through the whole cleaning's plan for every day's write.
            newest = newest.localCheckpoint()
        replaced = partial(_replace, spark, bucket, newest, records)
        with ThreadPoolExecutor(_WRITES_AT_ONCE) as writers:
            yield from writers.map(replaced, together)


def _clean(spark: SparkSession, bucket: ObjectStore, days: Iterable[_Day]) -> DataFrame:
    return clean_records(read_raw(spark, bucket, [stored.key for each in days for stored in each.raw_objects]))


def _counts_by_day(days: Iterable[_Day]) -> Iterator[Column]:
    for each in days:
        is_of_day, is_rejected = F.col("ingest_date") == F.lit(each.day), F.col("reason").isNotNull()
        yield F.count_if(is_of_day).alias(f"{each.day} raw")
        yield F.count_if(is_of_day & is_rejected).alias(f"{each.day} rejected")


def _replace(
    spark: SparkSession, bucket: ObjectStore, newest: DataFrame, records: Observation, begun: _Day
) -> CleanSlice:
    """Replace one day by its newest pins, whose writing, if nothing before it, makes `records` known."""
    # Spark finds an observation by its name, and others are made at the same time.
    day, writer, written = begun.day, begun.writer, Observation(f"written of {begun.day}")
    of_day = newest.where(F.col("ingest_date") == F.lit(day))
    rows = of_day.observe(written, F.count("*").alias("clean")).coalesce(1 + begun.records // _RECORDS_A_FILE)
    clean = _write(rows, bucket, writer, clean_prefix(day))
    raw, rejects = records.get[f"{day} raw"], records.get[f"{day} rejected"]
    # The few rejects are worked out a second time: keeping them from the first would mean caching the whole day.
    again = rejected(_clean(spark, bucket, [begun])) if rejects else None
    quarantine = _write(again, bucket, writer, quarantine_prefix(day)) if again else []
    outcome = CleanSlice(
        day=day,
        raw=raw,
        clean=written.get["clean"],
        superseded=raw - rejects - written.get["clean"],
        quarantined=rejects,
        reasons=_count_reasons(spark, bucket, quarantine),
        next_offsets=_next_offsets(begun.raw_objects),
    )
    writer.publish(outcome, clean, quarantine)
    bucket.delete(begun.marks)
    return outcome


def _next_offsets(raw_objects: Sequence[RawObject]) -> dict[int, int]:
    ends: dict[int, int] = {}
    for stored in raw_objects:
        ends[stored.partition] = max(ends.get(stored.partition, 0), stored.last_offset + 1)
    return ends


def read_clean(spark: SparkSession, bucket: ObjectStore, days: Iterable[date]) -> DataFrame:
    """The clean pins of these days."""
    return spark.read.parquet(*(_url(bucket, key) for day in days for key in clean_files(bucket, day)))


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
