"""Raw objects in S3: gzipped JSON lines, one line per Kafka record.

An object has the records of one day, partition and chunk of offsets.
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

# isal takes a quarter of zlib's CPU time to write and half of it to read: https://github.com/pycompression/python-isal
_LEVEL = 1
EVENTS = "events/dt="


@dataclass(frozen=True)
class RawObject:
    """One landed object: its key, its records with their first and last offset, and its compressed size in bytes."""

    key: str
    partition: int
    records: int
    first_offset: int
    last_offset: int
    size: int


def day_prefix(day: date) -> str:
    return f"{EVENTS}{day:%Y-%m-%d}/"


def object_key(day: date, topic: str, partition: int, chunk_first: int, finer_grid: int | None = None) -> str:
    """The object for the day's records of the chunk that begins at `chunk_first`.

    Large records have objects of their own, for smaller chunks of `finer_grid` offsets.
    """
    finer = "" if finer_grid is None else f".{finer_grid}"
    return f"{day_prefix(day)}{topic}+{partition}+{chunk_first:020d}{finer}.json.gz"


def chunk_of(key: str) -> tuple[int, int]:
    """The partition of an object, and the first offset of its chunk."""
    _, partition, rest = key.rsplit("+", 2)
    return int(partition), int(rest.partition(".")[0])


def landed_objects(bucket: ObjectStore, day: date) -> Iterator[RawObject]:
    """The day's objects, in the order of their keys."""
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
    """The objects of all days whose chunk of the partition begins in `[first, following)`, each with its day.

    Lists every raw object in the bucket, so use it only for rare cases.
    """
    for stored in bucket.list(EVENTS):
        number, chunk_first = chunk_of(stored.key)
        if number == partition and first <= chunk_first < following:
            yield date.fromisoformat(stored.key[len(EVENTS) : len(EVENTS) + 10]), stored.key


def encode_record(record: Record) -> bytes:
    """The record as one JSON line.

    Bytes that are not UTF-8 are written as `key_base64` and `value_base64`. `headers`, if there are any, is a list of
    pairs: a name (text, or `{"base64": …}` if it is not UTF-8) and a value in base64 or null.
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
    """A header's name. Bytes become an object, so that they cannot be mistaken for text."""
    return name if isinstance(name, str) else {"base64": _base64(name)}


def stored_lines(bucket: ObjectStore, key: str) -> list[bytes]:
    """The object's lines, with their line ends."""
    return _content(bucket, key).splitlines(keepends=True)


def stored_offsets(bucket: ObjectStore, key: str) -> list[int]:
    """The Kafka offsets of the object's lines, in order."""
    return [_offset(line) for line in stored_lines(bucket, key)]


def add_lines(bucket: ObjectStore, key: str, partition: int, lines: Mapping[int, bytes]) -> int:
    """Merge lines, by offset, into the object; returns how many it did not have yet.

    Existing lines stay unchanged, and nothing is written if nothing is new. Concurrent writers do not overwrite each
    other's lines.
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
    """The content of an object to be written."""

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
        # Almost always new lines come after the existing ones, which then need no parsing.
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
    # No modification time in the header, so that the same records give the same bytes.
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
