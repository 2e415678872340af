"""The stores' rows in the order of their Kafka coordinates, for comparison."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from pinterest_platform.clean_slices.manifest import clean_files, quarantine_files, read_manifest
from pinterest_platform.landing.raw_objects import day_prefix
from pinterest_platform.serving.pinterest_batch import categories_of
from pinterest_platform.settings import Settings
from pinterest_platform.stores.cassandra import open_session
from pinterest_platform.stores.s3 import ObjectStore, open_bucket


def stored_days(settings: Settings, days: Sequence[date]) -> dict[str, Any]:
    """Everything that the batch's stores have of these days; of Cassandra, every row."""
    bucket = open_bucket(settings)
    raw = {stored.key: bucket.get(stored.key) for day in days for stored in bucket.list(day_prefix(day))}
    return {
        "raw": raw,
        "clean": {day: parquet_rows(bucket, clean_files(bucket, day)) for day in days},
        "quarantined": {day: parquet_rows(bucket, quarantine_files(bucket, day)) for day in days},
        "accounts": [read_manifest(bucket, day) for day in days],
        "cassandra": cassandra_rows(settings),
    }


def parquet_rows(bucket: ObjectStore, keys: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of these Parquet files; times are UTC without saying so, as Cassandra's are."""
    files = [pa.BufferReader(bucket.get(key)) for key in keys]
    tables = [pa.parquet.read_table(file, coerce_int96_timestamp_unit="ms") for file in files]
    rows = [row for table in tables for row in table.to_pylist()]
    return sorted(rows, key=lambda row: (row["kafka_partition"], row["kafka_offset"]))


def cassandra_rows(settings: Settings) -> list[dict[str, Any]]:
    """The rows of `pinterest_batch`, of every day, with the types that Parquet gives."""
    with open_session(settings) as session:
        rows = session.execute(f"SELECT * FROM {settings.cassandra_keyspace}.pinterest_batch")  # noqa: S608
        found = [row._asdict() for row in rows]
    for row in found:
        row["ingest_date"] = row["ingest_date"].date()
    return sorted(found, key=lambda row: (row["kafka_partition"], row["kafka_offset"]))


def count_day(session: Any, day: date) -> int:
    """How many rows a reader of the day finds, who asks for its categories first; `session` has its keyspace set."""
    query = "SELECT count(*) FROM pinterest_batch WHERE ingest_date = %s AND category = %s"
    return sum(session.execute(query, [day, category]).one()[0] for category in categories_of(session, day))
