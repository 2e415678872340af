"""Stores records that Spark's Kafka source cannot read: those whose timestamp does not fit into microseconds.

Spark fails on such a record at every attempt, and no option skips it. So after a failed query the next records are
examined here. If one is unreadable, kafka-python reads all records up to the last such one. They take the same
cleaning, which quarantines misdated records, and the same sink.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pinterest_platform.pins.cleaning import RECORD_SCHEMA
from pinterest_platform.settings import Settings
from pinterest_platform.stores.kafka import Topic
from pinterest_platform.stores.kafka_batches import Record
from pinterest_platform.stream.batch_size import MAX_RECORDS_A_BATCH
from pinterest_platform.stream.query import lines_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# A batch may fail while the one before it is not stored yet.
_LOOKED_AT = 3 * MAX_RECORDS_A_BATCH
_CHUNK_RECORDS, _CHUNK_BYTES = 5_000, 8 * 1024 * 1024
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# The range of Python's dates, which is smaller than Spark's; Spark's own limit depends on its calendars. Nothing
# outside is plausible, so clamping to this range does not change a record's day.
_FIRST, _LAST = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)
_FIRST_MS, _LAST_MS = ((moment - _EPOCH) // timedelta(milliseconds=1) for moment in (_FIRST, _LAST))


def pass_unreadable_records(
    spark: SparkSession,
    settings: Settings,
    topic: Topic,
    progress: Mapping[int, int],
    write: Callable[[list[str]], None],
) -> int:
    """Store the next records up to the last one that Spark may not be able to read; returns how many those are.

    Args:
        spark: for the cleaning.
        settings: of the topic and the first day.
        topic: read from `progress` on.
        progress: the next offsets by partition; a missing partition starts at its first record.
        write: stores the lines of a chunk and its next offsets.
    """
    found = 0
    beginnings = topic.beginning_offsets()
    for partition, end in topic.end_offsets().items():
        first = max(progress.get(partition, 0), beginnings[partition])
        unreadable = _unreadable(topic, partition, first, min(end, first + _LOOKED_AT))
        if unreadable:
            found += len(unreadable)
            for chunk in _chunks(topic.read(partition, first, unreadable[-1] + 1)):
                write(_lines(spark, settings, chunk))
    return found


def _unreadable(topic: Topic, partition: int, first: int, stop: int) -> list[int]:
    records = topic.read(partition, first, stop)
    return [record.offset for record in records if not _FIRST_MS <= record.timestamp < _LAST_MS]


def _chunks(records: Iterable[Record]) -> Iterator[list[Record]]:
    chunk: list[Record] = []
    size = 0
    for record in records:
        chunk.append(record)
        size += len(record.value or b"")
        if len(chunk) >= _CHUNK_RECORDS or size >= _CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _lines(spark: SparkSession, settings: Settings, records: Iterable[Record]) -> list[str]:
    rows: list[Any] = [
        (record.topic, record.partition, record.offset, _moment(record.timestamp), record.key, record.value)
        for record in records
    ]
    return lines_of(spark.createDataFrame(rows, RECORD_SCHEMA), settings)


def _moment(timestamp_ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=min(max(timestamp_ms, _FIRST_MS), _LAST_MS))
