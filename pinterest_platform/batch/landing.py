"""Landing: a day's Kafka records as raw objects in S3, unchanged and byte for byte repeatable.

Belongs here: which offsets a day needs, how records become objects, what an object is called. An object holds the
records of one day from one chunk of a fixed grid of offsets. A chunk is always read whole, and whoever reads it writes
the objects of every day in it: so a record that comes late lands in its own day, whichever day was asked for.
Does not belong here: what a record's value means; a malformed one lands like any other.
"""

from __future__ import annotations

import base64
import gzip
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

import orjson

from pinterest_platform.pins.days import day_of, end_of, start_of
from pinterest_platform.stores.kafka import MILLISECONDS_AN_HOUR, Record, Topic
from pinterest_platform.stores.s3 import ObjectStore

CHUNK_OFFSETS = 10_000
# Records of a day may stand this long behind its end in the topic: producers' clocks and retries.
LATENESS_MS = MILLISECONDS_AN_HOUR
_FASTEST = 1  # the event texts shrink to a third at every level; higher levels cost more than the network


class RecordsLostError(Exception):
    """Kafka has deleted records of the day before they were landed."""


@dataclass(frozen=True)
class Chunk:
    """A cell of the offset grid: the offsets [first, first + CHUNK_OFFSETS) of one partition."""

    partition: int
    first: int

    @property
    def next(self) -> int:
        """The first offset of the following chunk."""
        return self.first + CHUNK_OFFSETS


@dataclass(frozen=True)
class RawObject:
    """One landed object: its key, how many records it holds, and the first and last offset of them."""

    key: str
    partition: int
    records: int
    first_offset: int
    last_offset: int
    size: int


@dataclass(frozen=True)
class Landing:
    """What S3 holds of a day after landing, and how many objects this landing wrote, of whichever day."""

    day: date
    objects: tuple[RawObject, ...]
    written: int

    @property
    def records(self) -> int:
        """How many raw records the day has."""
        return sum(stored.records for stored in self.objects)


def day_prefix(day: date) -> str:
    """Where the day's raw objects are."""
    return f"events/dt={day:%Y-%m-%d}/"


def land_day(topic: Topic, bucket: ObjectStore, day: date) -> Landing:
    """Bring every record of the day that Kafka has into S3.

    Raises:
        RecordsLostError: Kafka has deleted records that the day may need and S3 does not have.
        TopicUnavailableError: the broker is away.
    """
    beginnings, ends = topic.beginning_offsets(), topic.end_offsets()
    _refuse_lost_records(topic, beginnings, day)
    written = 0
    for chunk in chunks_of_day(topic, day):
        if not _is_sealed(bucket, topic.topic, chunk, day):
            start = max(chunk.first, beginnings[chunk.partition])
            stop = min(chunk.next, ends[chunk.partition])
            by_day = _by_day(topic.read(chunk.partition, start, stop))
            if start > chunk.first:  # deleted in part: the other days' objects may hold more than Kafka still has
                by_day = {day: by_day.get(day, [])}
            written += _write_chunk(bucket, topic.topic, chunk, by_day, stop, day)
    return Landing(day, tuple(landed_objects(bucket, day)), written)


def chunks_of_day(topic: Topic, day: date) -> list[Chunk]:
    """The chunks from the day's first record to an hour past its end."""
    starts, stops = topic.offsets_at(start_of(day)), topic.offsets_at(end_of(day) + LATENESS_MS)
    return [
        Chunk(partition, first)
        for partition, start in starts.items()
        for first in range(start - start % CHUNK_OFFSETS, stops[partition], CHUNK_OFFSETS)
        if start < stops[partition]
    ]


def landed_objects(bucket: ObjectStore, day: date) -> Iterator[RawObject]:
    """What S3 holds of the day, in the order of the keys."""
    for stored in bucket.list(day_prefix(day)):
        described = bucket.describe(stored.key)
        if described is not None:
            about = described.metadata
            yield RawObject(
                key=stored.key,
                partition=int(about["partition"]),
                records=int(about["records"]),
                first_offset=int(about["first-offset"]),
                last_offset=int(about["last-offset"]),
                size=stored.size,
            )


def encode_record(record: Record) -> bytes:
    """The record as one line of JSON. Bytes that are not UTF-8 text stand as `key_base64` and `value_base64`."""
    line: dict[str, object] = {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": record.timestamp,
        **_encode_bytes("key", record.key),
        **_encode_bytes("value", record.value),
    }
    if record.headers:
        line["headers"] = [[name, base64.b64encode(value).decode()] for name, value in record.headers]
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)


def _encode_bytes(name: str, content: bytes | None) -> dict[str, str | None]:
    if content is None:
        return {name: None}
    try:
        return {name: content.decode()}
    except UnicodeDecodeError:
        return {f"{name}_base64": base64.b64encode(content).decode()}


def _object_key(topic: str, chunk: Chunk, day: date) -> str:
    return f"{day_prefix(day)}{topic}+{chunk.partition}+{chunk.first:020d}.json.gz"


def _refuse_lost_records(topic: Topic, beginnings: dict[int, int], day: date) -> None:
    """Refuse a day in which a partition's first remaining record lies: earlier ones of that day may be deleted."""
    starts, stops = topic.offsets_at(start_of(day)), topic.offsets_at(end_of(day))
    for partition, beginning in beginnings.items():
        if 0 < beginning == starts[partition] < stops[partition]:
            raise RecordsLostError(
                f"Kafka has deleted the offsets below {beginning} of {topic.topic}, partition {partition}, and some of "
                f"them may belong to {day}. S3 keeps what it has of that day. Restore them into the topic, or leave "
                f"the day as it is and go on with the next one."
            )


def _is_sealed(bucket: ObjectStore, topic: str, chunk: Chunk, day: date) -> bool:
    """Whether the day's object of this chunk was written from the whole chunk, so that nothing can be added."""
    stored = bucket.describe(_object_key(topic, chunk, day))
    return stored is not None and int(stored.metadata["next-offset"]) == chunk.next


def _by_day(records: Iterable[Record]) -> dict[date, list[Record]]:
    by_day: dict[date, list[Record]] = {}
    for record in records:
        by_day.setdefault(day_of(record.timestamp), []).append(record)
    return by_day


def _write_chunk(
    bucket: ObjectStore,
    topic: str,
    chunk: Chunk,
    by_day: Mapping[date, list[Record]],
    next_offset: int,
    sealed_day: date,
) -> int:
    """Write one object a day of the chunk's records; returns how many were written.

    The object of `sealed_day` comes last: where it is complete, no later run reads the chunk for that day again, so
    that the records of other days must be safe by then.
    """
    filled = [day for day, records in by_day.items() if records]
    for day in sorted(filled, key=lambda day: day == sealed_day):
        _put(bucket, _object_key(topic, chunk, day), by_day[day], next_offset)
    return len(filled)


def _put(bucket: ObjectStore, key: str, records: list[Record], next_offset: int) -> None:
    about = {
        "partition": records[0].partition,
        "records": len(records),
        "first-offset": records[0].offset,
        "last-offset": records[-1].offset,
        "next-offset": next_offset,
    }
    bucket.put(key, _compress(map(encode_record, records)), {name: str(value) for name, value in about.items()})


def _compress(lines: Iterable[bytes]) -> bytes:
    # Without the time of writing in the header, the same records are the same bytes.
    return gzip.compress(b"".join(lines), compresslevel=_FASTEST, mtime=0)
