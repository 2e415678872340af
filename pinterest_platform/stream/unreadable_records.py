"""Records that Spark's Kafka source cannot read: those whose timestamp it cannot turn into microseconds.

It fails on such a record whatever the query asks for, at every attempt, and no option passes it over. So when a query
has failed, the records that come next are looked at here: where one is of a year that few programs know, all up to the
last of them are read by kafka-python, and go through the same cleaning, which quarantines what is misdated, and the
same sink.

What is plausible is decided by `pins.calendar`.
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

# A batch may have failed while the one before was not stored yet.
_LOOKED_AT = 3 * MAX_RECORDS_A_BATCH
_CHUNK_RECORDS, _CHUNK_BYTES = 5_000, 8 * 1024 * 1024
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# What Python can hold, and less than what Spark can, whose own limit depends on its calendars. Nothing beyond is
# plausible, so that no day depends on how far beyond it is.
_FIRST, _LAST = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)
_FIRST_MS, _LAST_MS = ((moment - _EPOCH) // timedelta(milliseconds=1) for moment in (_FIRST, _LAST))


def pass_unreadable_records(
    spark: SparkSession,
    settings: Settings,
    topic: Topic,
    progress: Mapping[int, int],
    write: Callable[[list[str]], None],
) -> int:
    """Store what comes next in the topic up to the last record that Spark may not read; returns how many those are.

    Args:
        spark: whose cleaning is used.
        settings: of the topic and the first day.
        topic: the topic, read from `progress` on.
        progress: the next offsets, by partition; a partition that is not there starts at its first record.
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
