"""The clean slice of a day: raw objects in, Parquet of clean pins and of quarantined records out.

Belongs here: which objects are read and written, and how many rows went where. Does not belong here: the rules
(`pins.cleaning`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date

from pyspark.sql import Column, DataFrame, Observation, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from pinterest_platform.batch.landing import day_prefix
from pinterest_platform.pins.cleaning import RECORD_SCHEMA, accepted, clean_records, newest_per_pin, rejected
from pinterest_platform.stores.s3 import ObjectStore

_ACCOUNT = "_account.json"  # Spark and Hive pass over names that begin with an underscore
_LINE_SCHEMA = (
    "topic string, partition int, offset bigint, timestamp bigint, "
    "key string, key_base64 string, value string, value_base64 string"
)


@dataclass(frozen=True)
class CleanSlice:
    """How many records of a day went where.

    `superseded` are older versions of pins that were posted again that day; `reasons` counts the quarantined by reason.
    """

    day: date
    raw: int
    clean: int
    superseded: int
    quarantined: int
    reasons: Mapping[str, int]


def clean_prefix(day: date) -> str:
    """Where the day's clean pins are."""
    return f"clean/dt={day:%Y-%m-%d}/"


def quarantine_prefix(day: date) -> str:
    """Where the day's quarantined records are."""
    return f"quarantine/dt={day:%Y-%m-%d}/"


def replace_clean_slice(spark: SparkSession, bucket: ObjectStore, day: date) -> CleanSlice:
    """Clean the day's raw objects and replace the day's clean and quarantined Parquet with the outcome."""
    keys = [stored.key for stored in bucket.list(day_prefix(day))]
    records, pins = Observation("records"), Observation("pins")
    cleaned = clean_records(read_raw(spark, bucket, keys)).observe(
        records, F.count("*").alias("raw"), F.count("reason").alias("rejected")
    )
    readable = accepted(cleaned).observe(pins, F.count("*").alias("readable"))
    _write(newest_per_pin(readable), bucket, clean_prefix(day))
    bucket.delete_below(quarantine_prefix(day))
    reasons = _write_quarantine(spark, bucket, keys, day) if records.get["rejected"] else {}
    clean = read_parquet(spark, bucket, clean_prefix(day)).count()
    outcome = CleanSlice(
        day=day,
        raw=records.get["raw"],
        clean=clean,
        superseded=pins.get["readable"] - clean,
        quarantined=sum(reasons.values()),
        reasons=reasons,
    )
    _keep_account(bucket, outcome)
    return outcome


def read_slice_account(bucket: ObjectStore, day: date) -> CleanSlice | None:
    """What the cleaning of the day noted last; None where it has not finished since it last began."""
    key = clean_prefix(day) + _ACCOUNT
    if bucket.describe(key) is None:
        return None
    return CleanSlice(**json.loads(bucket.get(key)) | {"day": day})


def _keep_account(bucket: ObjectStore, outcome: CleanSlice) -> None:
    # Overwriting the slice removes it, so that where it stands, it speaks of the files beside it.
    facts = {name: value for name, value in asdict(outcome).items() if name != "day"}
    bucket.put(clean_prefix(outcome.day) + _ACCOUNT, json.dumps(facts).encode(), {})


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


def read_parquet(spark: SparkSession, bucket: ObjectStore, prefix: str) -> DataFrame:
    """The Parquet files below the prefix."""
    return spark.read.parquet(_url(bucket, prefix))


def _write_quarantine(spark: SparkSession, bucket: ObjectStore, keys: Sequence[str], day: date) -> dict[str, int]:
    # The few rejects are worked out a second time: keeping them from the first would mean caching the whole day.
    _write(rejected(clean_records(read_raw(spark, bucket, keys))), bucket, quarantine_prefix(day))
    counts = read_parquet(spark, bucket, quarantine_prefix(day)).groupBy("reason").count().collect()
    return {row["reason"]: row["count"] for row in counts}


def _write(rows: DataFrame, bucket: ObjectStore, prefix: str) -> None:
    rows.write.mode("overwrite").parquet(_url(bucket, prefix))


def _bytes_of(name: str) -> Column:
    return F.coalesce(F.col(name).cast("binary"), F.unbase64(f"{name}_base64"))


def _url(bucket: ObjectStore, key: str) -> str:
    return f"s3a://{bucket.name}/{key}"
