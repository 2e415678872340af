"""Raw objects: what landing leaves in S3, gzipped lines of JSON, a record each.

Belongs here: their names, how a record becomes a line, how new lines join those that are there. Does not belong here:
which records are read, and what their values mean.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

import orjson
from isal import igzip

from pinterest_platform.stores.kafka_batches import Record
from pinterest_platform.stores.s3 import ObjectStore, StoredObject

# A quarter of zlib's CPU time to write and half of it to read, and smaller: https://github.com/pycompression/python-isal
_LEVEL = 1
EVENTS = "events/dt="


@dataclass(frozen=True)
class RawObject:
    """One landed object: its key, how many records it holds, and the first and last offset of them."""

    key: str
    partition: int
    records: int
    first_offset: int
    last_offset: int
    size: int


def day_prefix(day: date) -> str:
    """Where the day's raw objects are."""
    return f"{EVENTS}{day:%Y-%m-%d}/"


def object_key(day: date, topic: str, partition: int, chunk_first: int, finer_grid: int | None = None) -> str:
    """The object of the day's records in the chunk of the offset grid that begins at `chunk_first`.

    Large records have objects of their own on a `finer_grid`, of so many offsets.
    """
    finer = "" if finer_grid is None else f".{finer_grid}"
    return f"{day_prefix(day)}{topic}+{partition}+{chunk_first:020d}{finer}.json.gz"


def chunk_of(key: str) -> tuple[int, int]:
    """The partition of an object, and the offset at which its chunk begins."""
    _, partition, rest = key.rsplit("+", 2)
    return int(partition), int(rest.partition(".")[0])


def landed_objects(bucket: ObjectStore, day: date) -> Iterator[RawObject]:
    """What S3 holds of the day, in the order of the keys."""
    for listed in bucket.list(day_prefix(day)):
        described = bucket.describe(listed.key)
        if described is not None:
            about = described.metadata
            yield RawObject(
                key=listed.key,
                partition=int(about["partition"]),
                records=int(about["records"]),
                first_offset=int(about["first-offset"]),
                last_offset=int(about["last-offset"]),
                size=described.size,
            )


def keys_of_chunks(bucket: ObjectStore, partition: int, first: int, following: int) -> Iterator[tuple[date, str]]:
    """The objects of every day whose chunk of the partition begins in `[first, following)`, with their days.

    Every object there is gets listed: this is for what seldom happens.
    """
    for stored in bucket.list(EVENTS):
        number, chunk_first = chunk_of(stored.key)
        if number == partition and first <= chunk_first < following:
            yield date.fromisoformat(stored.key[len(EVENTS) : len(EVENTS) + 10]), stored.key


def encode_record(record: Record) -> bytes:
    """The record as one line of JSON. Bytes that are not UTF-8 text stand as `key_base64` and `value_base64`.

    `headers` is a list of pairs, where there are any: a name (text, or `{"base64": …}` where it is none) and a value in
    base64, or null.
    """
    line: dict[str, object] = {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": record.timestamp,
    }
    try:
        line["key"] = None if record.key is None else record.key.decode()
        line["value"] = None if record.value is None else record.value.decode()
    except UnicodeDecodeError:
        line.pop("key", None)
        line |= _encode_bytes("key", record.key) | _encode_bytes("value", record.value)
    if record.headers:
        line["headers"] = [
            [_encode_name(name), None if value is None else _base64(value)] for name, value in record.headers
        ]
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)


def _encode_name(name: str | bytes) -> object:
    """A header's name: text as it is, bytes that are none as an object, so that neither can be taken for the other."""
    return name if isinstance(name, str) else {"base64": _base64(name)}


def stored_lines(bucket: ObjectStore, key: str) -> list[bytes]:
    """The lines of the object, each with its end."""
    return _content(bucket, key).splitlines(keepends=True)


def stored_offsets(bucket: ObjectStore, key: str) -> list[int]:
    """The offsets of the object's lines, in order."""
    return [_offset(line) for line in stored_lines(bucket, key)]


def add_lines(bucket: ObjectStore, key: str, partition: int, lines: Mapping[int, bytes]) -> int:
    """Bring lines, by offset and in its order, into the object; returns how many it did not have.

    Lines that the object has stay as they are. Where nothing is new, nothing is written. Whoever else writes the same
    object meanwhile, the lines of both are in it at the end.
    """
    while True:
        stored = bucket.describe(key)
        merged = _merge(bucket, stored, lines) if stored else _Lines.of(lines)
        gained = merged.records - (int(stored.metadata["records"]) if stored else 0)
        if not gained:
            return 0
        body, about = _compress(merged.content), merged.about(partition)
        if bucket.replace(stored, body, about) if stored else bucket.create(key, body, about):
            return gained


@dataclass(frozen=True)
class _Lines:
    """The content of an object that is to be written."""

    content: bytes
    records: int
    first_offset: int
    last_offset: int

    @classmethod
    def of(cls, lines: Mapping[int, bytes]) -> _Lines:
        return cls(b"".join(lines.values()), len(lines), min(lines), max(lines))

    def about(self, partition: int) -> dict[str, str]:
        about = {
            "partition": partition,
            "records": self.records,
            "first-offset": self.first_offset,
            "last-offset": self.last_offset,
        }
        return {name: str(value) for name, value in about.items()}


def _merge(bucket: ObjectStore, stored: StoredObject, lines: Mapping[int, bytes]) -> _Lines:
    first_offset, last_offset = int(stored.metadata["first-offset"]), int(stored.metadata["last-offset"])
    if last_offset < min(lines):
        # What a day gains is behind what it has, nearly always: no line of that need be looked at.
        content, records = _content(bucket, stored.key), int(stored.metadata["records"]) + len(lines)
        return _Lines(b"".join([content, *lines.values()]), records, first_offset, max(lines))
    merged = {**lines, **{_offset(line): line for line in stored_lines(bucket, stored.key)}}
    return _Lines.of(dict(sorted(merged.items())))


def _offset(line: bytes) -> int:
    offset: int = orjson.loads(line)["offset"]
    return offset


def _content(bucket: ObjectStore, key: str) -> bytes:
    content: bytes = igzip.decompress(bucket.get(key))  # type: ignore[no-untyped-call]
    return content


def _compress(content: bytes) -> bytes:
    # Without the time of writing in the header, the same records are the same bytes.
    compressed: bytes = igzip.compress(content, compresslevel=_LEVEL, mtime=0)
    return compressed


def _encode_bytes(name: str, content: bytes | None) -> dict[str, str | None]:
    if content is None:
        return {name: None}
    try:
        return {name: content.decode()}
    except UnicodeDecodeError:
        return {f"{name}_base64": _base64(content)}


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
