"""Compares a closed day row by row: the batch's clean slice and the stream's table.

The slice is copied to PostgreSQL, which compares the two, so that a day need not fit into this process.
`reconciliation.reconcile` finds missing offsets.

The batch keeps the newest version of a pin, the stream keeps all, so the stream's newest is compared. A repeated event
counts once in both, in its earliest copy. The view `pinterest_stream_records` shows that copy even if the stream met
another one first. Repeats stored before version 7 of the tables (found by `event_id` alone) are skipped.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from typing import Any

from psycopg import sql

from pinterest_platform.clean_slices.manifest import clean_files
from pinterest_platform.clean_slices.read import read_clean_batches
from pinterest_platform.pins.calendar import MISDATED_DAY
from pinterest_platform.pins.cleaning import CLEAN_COLUMNS
from pinterest_platform.pins.order import ORDER
from pinterest_platform.reconciliation.day_offsets import stream_progress
from pinterest_platform.settings import Settings
from pinterest_platform.stores.postgres import Connection, connect
from pinterest_platform.stores.postgres_copy import copy_text
from pinterest_platform.stores.s3 import open_bucket
from pinterest_platform.stream.progress import STREAMED

_COLUMNS = sql.SQL(", ").join(map(sql.Identifier, CLEAN_COLUMNS))
_SLICE = sql.SQL(
    "CREATE TEMPORARY TABLE batch_slice ON COMMIT DROP AS SELECT {columns} FROM pinterest_stream WITH NO DATA"
).format(columns=_COLUMNS)
_COPY = sql.SQL("COPY batch_slice ({columns}) FROM STDIN").format(columns=_COLUMNS)
# The earliest copy of an event may belong to another day. Without such copies, no other day is read.
_HAS_EARLIER_COPIES = "SELECT FROM stream_duplicates WHERE is_earlier AND %s IN (ingest_date, of_date) LIMIT 1"
# The day is given as a value for each of the stream's tables: with a join, every day they keep would be read.
_DIFFERENT = """
    SELECT batch.kafka_partition, batch.kafka_offset
    FROM batch_slice AS batch
    JOIN {streamed} AS done
        ON done.kafka_partition = batch.kafka_partition
        AND batch.kafka_offset >= done.first_offset AND batch.kafka_offset < done.next_offset
    LEFT JOIN {records} AS stream
        ON stream.ingest_date = %(day)s
        AND stream.kafka_partition = batch.kafka_partition AND stream.kafka_offset = batch.kafka_offset
    WHERE NOT EXISTS (
        SELECT FROM stream_duplicates AS again
        WHERE again.ingest_date = %(day)s AND again.kafka_partition = batch.kafka_partition
          AND again.kafka_offset = batch.kafka_offset AND again.content IS NULL
    ) AND NOT EXISTS (  -- the stream read it while its timestamp was still too far ahead
        SELECT FROM stream_rejects AS ahead
        WHERE ahead.ingest_date = %(misdated)s AND ahead.kafka_partition = batch.kafka_partition
          AND ahead.kafka_offset = batch.kafka_offset
    ) AND ({batch}) IS DISTINCT FROM ({stream})
    ORDER BY 1, 2"""
_NEWER = """
    SELECT stream.kafka_partition, stream.kafka_offset
    FROM {records} AS stream LEFT JOIN batch_slice AS batch USING (unique_id)
    WHERE stream.ingest_date = %(day)s AND (
        batch.unique_id IS NULL
        OR ({stream_order}) > ({batch_order})
    )
    ORDER BY 1, 2"""


@dataclass(frozen=True)
class Parity:
    """The number of rows in the slice, and (partition, offset) of rows that differ or that only the stream has."""

    rows: int
    different: Sequence[tuple[int, int]]
    only_in_stream: Sequence[tuple[int, int]]


def compare_with_stream(settings: Settings, day: date) -> Parity | None:
    """Compare the day's clean slice with the stream's rows, up to the stream's progress.

    Returns:
        None if the stream has never run, or no longer keeps the day.

    Raises:
        NoParquetError: the day was never cleaned.
    """
    batches = read_clean_batches(settings, clean_files(open_bucket(settings), day), CLEAN_COLUMNS)
    with closing(connect(settings)) as connection, connection.transaction():
        if stream_progress(connection, settings.kafka_topic, day) is None:
            return None
        connection.execute("SET LOCAL timezone = 'UTC'")  # Parquet's times are UTC, without a zone
        connection.execute(_SLICE)
        rows = _copy(connection, batches)
        connection.execute("CREATE INDEX ON batch_slice (unique_id)")
        connection.execute("ANALYZE batch_slice (kafka_partition, kafka_offset, unique_id)")  # the columns of the joins
        named = {"topic": settings.kafka_topic, "day": day, "misdated": MISDATED_DAY}
        parts = _parts(connection, day)
        different: list[Any] = connection.execute(sql.SQL(_DIFFERENT).format(**parts), named).fetchall()
        newer: list[Any] = connection.execute(sql.SQL(_NEWER).format(**parts), named).fetchall()
    return Parity(rows, different, newer)


def _parts(connection: Connection, day: date) -> dict[str, sql.Composable]:
    """Parts of the comparing statements: the stream's records of the day, and the columns of both sides."""
    has_earlier_copies = connection.execute(_HAS_EARLIER_COPIES, [day]).rowcount > 0
    return {
        "streamed": STREAMED,
        "records": sql.Identifier("pinterest_stream_records" if has_earlier_copies else "pinterest_stream"),
        "batch": _named("batch", CLEAN_COLUMNS),
        "stream": _named("stream", CLEAN_COLUMNS),
        "batch_order": _named("batch", ORDER),
        "stream_order": _named("stream", ORDER),
    }


def _named(table: str, columns: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(table, name) for name in columns)


def _copy(connection: Connection, batches: Any) -> int:
    rows = 0
    with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
        for batch in batches:
            copy.write(copy_text(batch.select(CLEAN_COLUMNS)))
            rows += batch.num_rows
    return rows
