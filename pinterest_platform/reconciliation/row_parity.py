"""That a closed day is the same in both paths, row by row: the batch's clean slice and the stream's table.

The slice is copied next to the stream's day in PostgreSQL, which compares the two, so no day has to fit into this
process. Missing offsets are found by `reconciliation.reconcile`.

The batch keeps the newest version of a pin and the stream every one of them, so the stream's newest is compared. An
event that was sent again counts once in both, in its earliest copy: so `pinterest_stream_records` is what is compared,
which tells that one wherever the stream has met another one first. What the stream noted as sent again before it looked
at more than the `event_id` is passed over.
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
# The earliest copy of an event may be told by a row of another day. Without such a copy, no other day is looked at.
_HAS_EARLIER_COPIES = "SELECT FROM stream_duplicates WHERE is_earlier AND %s IN (ingest_date, of_date) LIMIT 1"
# The day stands as a value beside each of the stream's tables: joined by it, every day that they keep would be read.
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
    """Rows of the slice, and the (partition, offset) of those that differ in the stream, and of the stream's own."""

    rows: int
    different: Sequence[tuple[int, int]]
    only_in_stream: Sequence[tuple[int, int]]


def compare_with_stream(settings: Settings, day: date) -> Parity | None:
    """Compare the day's clean slice with the stream's rows, as far as the stream has come.

    None where the stream has never run, or does not keep the day any more.

    Raises:
        NoParquetError: the day was never cleaned.
    """
    batches = read_clean_batches(settings, clean_files(open_bucket(settings), day), CLEAN_COLUMNS)
    with closing(connect(settings)) as connection, connection.transaction():
        if stream_progress(connection, settings.kafka_topic, day) is None:
            return None
        connection.execute("SET LOCAL timezone = 'UTC'")  # Parquet's times are UTC without saying so
        connection.execute(_SLICE)
        rows = _copy(connection, batches)
        connection.execute("CREATE INDEX ON batch_slice (unique_id)")
        connection.execute("ANALYZE batch_slice (kafka_partition, kafka_offset, unique_id)")  # what it is joined by
        named, parts = {"topic": settings.kafka_topic, "day": day}, _parts(connection, day)
        different: list[Any] = connection.execute(sql.SQL(_DIFFERENT).format(**parts), named).fetchall()
        newer: list[Any] = connection.execute(sql.SQL(_NEWER).format(**parts), named).fetchall()
    return Parity(rows, different, newer)


def _parts(connection: Connection, day: date) -> dict[str, sql.Composable]:
    """What the comparisons are made of: the stream's records of the day, and the fields on either side."""
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
