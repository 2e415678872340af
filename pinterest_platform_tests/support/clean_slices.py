"""Hand-made slices of clean pins, so that a test can break one rule visibly."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, date, datetime
from io import BytesIO
from typing import Any

import pyarrow
from pyarrow import parquet

from pinterest_platform.clean_slices.manifest import (
    CleaningCounts,
    SliceWriter,
    clean_prefix,
    newest_manifest,
    quarantine_prefix,
    settled_requests,
)
from pinterest_platform.clean_slices.read import added_columns
from pinterest_platform.stores.s3 import ObjectStore

CLEAN_SCHEMA = pyarrow.schema(
    [
        ("unique_id", pyarrow.string()),
        ("index_id", pyarrow.int64()),
        ("title", pyarrow.string()),
        ("category", pyarrow.string()),
        ("description", pyarrow.string()),
        ("poster_name", pyarrow.string()),
        ("follower_count", pyarrow.int64()),
        ("tag_list", pyarrow.string()),
        ("is_image_or_video", pyarrow.string()),
        ("image_src", pyarrow.string()),
        ("downloaded", pyarrow.int32()),
        ("save_location", pyarrow.string()),
        *(column for _, column in added_columns()),
        ("event_id", pyarrow.string()),
        ("ingested_at", pyarrow.timestamp("ns")),
        ("ingest_date", pyarrow.date32()),
        ("kafka_partition", pyarrow.int32()),
        ("kafka_offset", pyarrow.int64()),
    ]
)


def clean_pin(day: date, **changes: Any) -> dict[str, Any]:
    """A row of the day's clean pins with these columns changed."""
    row = {
        "unique_id": "pin 1",
        "index_id": 7,
        "title": None,
        "category": "art",
        "description": None,
        "poster_name": "Ann",
        "follower_count": 12,
        "tag_list": None,
        "is_image_or_video": "image",
        "image_src": None,
        "downloaded": 1,
        "save_location": None,
        "event_id": "event 1",
        "ingested_at": datetime(day.year, day.month, day.day, 12, tzinfo=UTC).replace(tzinfo=None),
        "ingest_date": day,
        "kafka_partition": 0,
        "kafka_offset": 0,
    }
    return row | changes


def batch(*rows: dict[str, Any], schema: pyarrow.Schema = CLEAN_SCHEMA) -> Any:
    """Rows as a pyarrow record batch."""
    return pyarrow.RecordBatch.from_pylist(list(rows), schema=schema)


def parquet_file(*rows: dict[str, Any], schema: pyarrow.Schema = CLEAN_SCHEMA) -> bytes:
    """Rows as Spark writes them: timestamps are INT96."""
    file = BytesIO()
    table = pyarrow.Table.from_batches([batch(*rows, schema=schema)])
    parquet.write_table(table, file, use_deprecated_int96_timestamps=True)
    return file.getvalue()


def put_slice(
    bucket: ObjectStore,
    day: date,
    *rows: dict[str, Any],
    quarantined: int = 0,
    schema: pyarrow.Schema = CLEAN_SCHEMA,
    rerun_requests: Sequence[str] = (),
) -> CleaningCounts:
    """Make these rows the day's slice, as a cleaning does."""
    name = f"part-00000-{uuid.uuid4()}-c000.snappy.parquet"
    writer, outcome = (
        SliceWriter(bucket, day),
        CleaningCounts(day, len(rows) + quarantined, len(rows), 0, quarantined, {}, {}),
    )
    bucket.put(clean_prefix(day) + name, parquet_file(*rows, schema=schema), {})
    quarantine = [quarantine_prefix(day) + name] if quarantined else []
    for key in quarantine:
        bucket.put(key, parquet_file(*rows[:1] * quarantined, schema=schema), {})
    writer.publish(outcome, [clean_prefix(day) + name], quarantine, rerun_requests)
    return outcome


def settle(bucket: ObjectStore, day: date) -> None:
    """What a run does at the day's end: what had asked for it before its cleaning read is done."""
    manifest = newest_manifest(bucket, day)
    assert manifest is not None
    bucket.delete(settled_requests(bucket, manifest))
