"""Which Kafka offsets of a day each store has, asked of the store itself.

Belongs here: one function a store, each in bounded memory: offsets are kept, rows are not. Without Spark, since a small
day must not wait for a job. Does not belong here: comparing them (`batch.accounting`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import compress
from typing import Any

import numpy as np
import orjson
from psycopg import sql

from pinterest_platform.batch.landing import ranges_of_day
from pinterest_platform.batch.offset_sets import Offsets, OffsetSet, offset_set
from pinterest_platform.batch.raw_objects import day_prefix, stored_lines
from pinterest_platform.batch.serving import categories_of
from pinterest_platform.batch.slice_files import clean_files, quarantine_files
from pinterest_platform.batch.superseded import COLUMNS, Versions, older_versions, versions_in, versions_of
from pinterest_platform.pins.days import day_of
from pinterest_platform.settings import Settings
from pinterest_platform.stores.kafka import Topic
from pinterest_platform.stores.parquet import read_batches
from pinterest_platform.stores.postgres import Connection
from pinterest_platform.stores.s3 import ObjectStore
from pinterest_platform.stores.stream_retention import kept_from

_COORDINATES = ("kafka_partition", "kafka_offset")
_BLOCK = 10_000


def kafka(topic: Topic, day: date, raw: OffsetSet) -> OffsetSet:
    """The day's records in Kafka, and those of `raw` that Kafka has deleted.

    Read are the day with its hour for late ones, and what else `raw` has: records that came later still.
    """
    beginnings, ends = topic.beginning_offsets(), topic.end_offsets()
    within = ranges_of_day(topic, day)
    ranges = [(partition, first, following) for partition, (first, following) in within.items()]
    late = [run for run in raw.runs() if not _is_within(run, within)]
    found = offset_set(
        _in_blocks(
            (partition, record.offset)
            for partition, first, following in [*ranges, *late]
            for record in topic.read(
                partition, max(first, beginnings.get(partition, 0)), min(following, ends.get(partition, 0))
            )
            if day_of(record.timestamp) == day
        )
    )
    return found | raw.below(beginnings)


def raw(bucket: ObjectStore, day: date, explained: OffsetSet) -> tuple[OffsetSet, Versions]:
    """The day's raw lines, and what pins there are among those that are not explained yet. Read once for both."""
    others: list[Versions] = []

    def coordinates() -> Iterator[tuple[Offsets, Offsets]]:
        for stored in bucket.list(day_prefix(day)):
            lines = [orjson.loads(line) for line in stored_lines(bucket, stored.key)]
            partitions, offsets = _as_arrays([(line["partition"], line["offset"]) for line in lines])
            # An object's lines are all of one partition.
            others.append(versions_in(compress(lines, ~explained.has(int(partitions[0]), offsets))))
            yield partitions, offsets

    return offset_set(coordinates()), Versions.joined(others)


def clean(settings: Settings, bucket: ObjectStore, day: date) -> OffsetSet:
    """The day's clean rows."""
    return _parquet(settings, clean_files(bucket, day))


def quarantined(settings: Settings, bucket: ObjectStore, day: date) -> OffsetSet:
    """The day's quarantined records."""
    return _parquet(settings, quarantine_files(bucket, day))


def superseded(settings: Settings, bucket: ObjectStore, day: date, candidates: Versions) -> OffsetSet:
    """Those of the candidates whose pin stands in the clean slice in a newer version.

    Worked out from the raw lines anew, not from what the cleaning counted.
    """
    # Listed once: of a slice that is replaced meanwhile the files are missed, not those of two slices mixed.
    files = clean_files(bucket, day)
    return older_versions(candidates, lambda: map(versions_of, read_batches(settings, files, COLUMNS)))


def cassandra(session: Any, day: date) -> OffsetSet:
    """The day's rows of `pinterest_batch`; `session` has its keyspace set."""
    query = "SELECT kafka_partition, kafka_offset FROM pinterest_batch WHERE ingest_date = %s AND category = %s"
    rows = (row for category in categories_of(session, day) for row in session.execute(query, [day, category]))
    return offset_set(_in_blocks((row.kafka_partition, row.kafka_offset) for row in rows))


def streamed(connection: Connection, table: str, day: date) -> OffsetSet:
    """The day's rows in one of the stream's tables."""
    query = sql.SQL("SELECT kafka_partition, kafka_offset FROM {} WHERE ingest_date = %s")
    with connection.transaction(), connection.cursor("offsets") as cursor:
        cursor.itersize = _BLOCK
        rows: Any = cursor.execute(query.format(sql.Identifier(table)), [day])
        return offset_set(_in_blocks(rows))


def stream_progress(connection: Connection, topic: str, day: date) -> dict[int, int] | None:
    """How far the stream has come, per partition; None where it never ran, or does not keep the day any more."""
    query = "SELECT kafka_partition, next_offset FROM stream_progress WHERE topic = %s"
    rows: list[Any] = connection.execute(query, [topic]).fetchall()
    return dict(rows) if rows and day >= kept_from(connection) else None


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


def _is_within(run: tuple[int, int, int], within: dict[int, tuple[int, int]]) -> bool:
    partition, first, following = run
    lowest, highest = within.get(partition, (0, 0))
    return lowest <= first and following <= highest
