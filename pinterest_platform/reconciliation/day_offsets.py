"""The Kafka offsets that each store has of a day, one function per store.

Kafka's own are in `reconciliation.topic_offsets`. Memory is bounded, since offsets are kept and rows are not. Spark is
not used, so that a small day need not wait for a job.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import compress
from typing import Any

import numpy as np
import orjson
from psycopg import sql

from pinterest_platform.clean_slices.manifest import clean_files, quarantine_files
from pinterest_platform.landing.raw_objects import day_prefix, stored_lines
from pinterest_platform.pins.calendar import MISDATED_DAY
from pinterest_platform.reconciliation.offset_sets import Offsets, OffsetSet, offset_set
from pinterest_platform.reconciliation.superseded import COLUMNS, Versions, older_versions, versions_in, versions_of
from pinterest_platform.serving.pinterest_batch import categories_of, rejects_of
from pinterest_platform.settings import Settings
from pinterest_platform.stores.parquet import read_batches
from pinterest_platform.stores.postgres import Connection
from pinterest_platform.stores.s3 import ObjectStore
from pinterest_platform.stores.stream_retention import kept_from
from pinterest_platform.stream.progress import next_offsets

_COORDINATES = ("kafka_partition", "kafka_offset")
_BLOCK = 10_000
_ELSEWHERE = """
    SELECT kafka_partition, kafka_offset FROM pinterest_stream
    WHERE kafka_partition = %(partition)s AND kafka_offset = ANY(%(offsets)s)
    UNION SELECT kafka_partition, kafka_offset FROM stream_rejects
    WHERE kafka_partition = %(partition)s AND kafka_offset = ANY(%(offsets)s)
    UNION SELECT kafka_partition, kafka_offset FROM stream_duplicates
    WHERE kafka_partition = %(partition)s AND kafka_offset = ANY(%(offsets)s)"""


def raw(bucket: ObjectStore, day: date, explained: OffsetSet) -> tuple[OffsetSet, Versions]:
    """The offsets of the day's raw lines, and the pins among those not in `explained`. Both come from one read."""
    others: list[Versions] = []

    def coordinates() -> Iterator[tuple[Offsets, Offsets]]:
        for stored in bucket.list(day_prefix(day)):
            lines = [orjson.loads(line) for line in stored_lines(bucket, stored.key)]
            partitions, offsets = _as_arrays([(line["partition"], line["offset"]) for line in lines])
            # All lines of an object have the same partition.
            others.append(versions_in(compress(lines, ~explained.has(int(partitions[0]), offsets))))
            yield partitions, offsets

    return offset_set(coordinates()), Versions.joined(others)


def clean(settings: Settings, bucket: ObjectStore, day: date) -> OffsetSet:
    return _parquet(settings, clean_files(bucket, day))


def quarantined(settings: Settings, bucket: ObjectStore, day: date) -> OffsetSet:
    return _parquet(settings, quarantine_files(bucket, day))


def superseded(settings: Settings, bucket: ObjectStore, day: date, candidates: Versions) -> OffsetSet:
    """The candidates of which the clean slice has a newer version. The counts of the cleaning are not used."""
    # Listed once, so that two slices are never mixed. If the slice is replaced meanwhile, its files are missing.
    files = clean_files(bucket, day)
    return older_versions(candidates, lambda: map(versions_of, read_batches(settings, files, COLUMNS)))


def cassandra(session: Any, day: date) -> OffsetSet:
    """The day's rows of `pinterest_batch`. `session` has its keyspace set."""
    query = "SELECT kafka_partition, kafka_offset FROM pinterest_batch WHERE ingest_date = %s AND category = %s"
    rows = (row for category in categories_of(session, day) for row in session.execute(query, [day, category]))
    return offset_set(_in_blocks((row.kafka_partition, row.kafka_offset) for row in rows))


def refused(session: Any, day: date) -> OffsetSet:
    """The day's clean pins that Cassandra refused. `session` has its keyspace set."""
    return offset_set(_in_blocks((pin.kafka_partition, pin.kafka_offset) for pin in rejects_of(session, day)))


def streamed(connection: Connection, table: str, day: date) -> OffsetSet:
    """The day's rows in one of the stream's tables, such as `stream_rejects`."""
    query = sql.SQL("SELECT kafka_partition, kafka_offset FROM {} WHERE ingest_date = %s")
    with connection.transaction(), connection.cursor("offsets") as cursor:
        cursor.itersize = _BLOCK
        rows: Any = cursor.execute(query.format(sql.Identifier(table)), [day])
        return offset_set(_in_blocks(rows))


def streamed_elsewhere(connection: Connection, day: date, offsets: OffsetSet) -> OffsetSet:
    """The offsets that the stream keeps as misdated or, if `day` is the misdated one, under another day."""
    if day != MISDATED_DAY:
        return offsets & streamed(connection, "stream_rejects", MISDATED_DAY)
    rows = (
        row
        for number, found in offsets.by_partition.items()
        for row in connection.execute(_ELSEWHERE, {"partition": number, "offsets": found.tolist()}).fetchall()
    )
    return offset_set(_in_blocks(rows))  # type: ignore[arg-type] # two numbers a row


def stream_progress(connection: Connection, topic: str, day: date) -> dict[int, int] | None:
    """The stream's next offset per partition; None if it never ran or no longer keeps the day."""
    progress = next_offsets(connection, topic)
    is_kept = day == MISDATED_DAY or day >= kept_from(connection)  # misdated records are kept for good
    return progress if progress and is_kept else None


def _parquet(settings: Settings, keys: list[str]) -> OffsetSet:
    if not keys:
        return OffsetSet({})
    batches = read_batches(settings, keys, _COORDINATES)
    return offset_set(
        (batch.column("kafka_partition").to_numpy(), batch.column("kafka_offset").to_numpy()) for batch in batches
    )


def _in_blocks(coordinates: Iterable[tuple[int, int]]) -> Iterator[tuple[Offsets, Offsets]]:
    block: list[tuple[int, int]] = []
    for pair in coordinates:
        block.append(pair)
        if len(block) == _BLOCK:
            yield _as_arrays(block)
            block = []
    if block:
        yield _as_arrays(block)


def _as_arrays(block: Sequence[tuple[int, int]]) -> tuple[Offsets, Offsets]:
    columns = np.array(block, dtype=np.int64).T
    return columns[0], columns[1]
