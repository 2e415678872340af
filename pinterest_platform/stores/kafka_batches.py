"""Kafka's record batches as records, at a fraction of what kafka-python takes to make them.

Belongs here: decoding what kafka-python has fetched. It fetches, follows the leader and keeps the position; the batch's
checksum and compression are its own too. A record there passes through four objects and a dozen properties, which was
half of all that landing does. Does not belong here: which records are read (`stores.kafka`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from kafka.consumer.fetcher import Fetcher
from kafka.errors import CorruptRecordError
from kafka.record.util import decode_varint

_NO_HEADERS: tuple[tuple[str, bytes], ...] = ()


class Record(NamedTuple):
    """One Kafka record, unchanged. `timestamp` is in milliseconds since 1970 UTC."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = _NO_HEADERS


def read_as_records(consumer: Any) -> None:
    """Make a consumer of kafka-python give `Record`s."""
    consumer._fetcher.PartitionRecords = PartitionRecords


class PartitionRecords(Fetcher.PartitionRecords):  # type: ignore[misc]
    """What a fetch brought of one partition."""

    def _unpack_records(self, tp: Any, records: Any, *_: object) -> Iterator[Record]:
        while (batch := records.next_batch()) is not None:
            if not batch.validate_crc():
                raise CorruptRecordError(
                    f"The batch at {tp.topic}, partition {tp.partition}, offset "
                    f"{batch.base_offset} is not what its checksum says."
                )
            self.leader_epoch = batch.leader_epoch
            if not batch.is_control_batch:
                for record in decode_batch(batch, tp.topic, tp.partition):
                    # The position moves with each record: a poll may end within a batch.
                    self.next_fetch_offset = record.offset + 1
                    yield record
            # A compacted batch may end before its last offset.
            self.next_fetch_offset = batch.next_offset
        self.drain()


def decode_batch(batch: Any, topic: str, partition: int) -> list[Record]:
    """The records of one of kafka-python's batches of message format 2, which every broker since 0.11 writes.

    https://kafka.apache.org/documentation/#messageformat

    Raises:
        CorruptRecordError: the batch does not have the records that it says.
    """
    iter(batch)  # unpacks it, where it is compressed
    content, position = bytes(batch._buffer), batch._pos
    base_offset, first_timestamp = batch.base_offset, batch.first_timestamp
    appended = batch.max_timestamp if batch.timestamp_type == batch.LOG_APPEND_TIME else None
    records: list[Record] = []
    new_tuple = tuple.__new__
    try:
        for _ in range(batch.records_count):
            length, position = decode_varint(content, position)
            end = position + length
            delay, position = decode_varint(content, position + 1)  # behind the attributes, of which there are none
            number, position = decode_varint(content, position)
            key, position = _bytes(content, position)
            value, position = _bytes(content, position)
            headers, position = _headers(content, position) if content[position] else (_NO_HEADERS, position + 1)
            if position != end:
                raise CorruptRecordError(f"A record of {length} bytes has {position - end} more.")
            timestamp = first_timestamp + delay if appended is None else appended
            # Not by the class's own constructor, which is one more call of Python for each record.
            records.append(new_tuple(Record, (topic, partition, base_offset + number, timestamp, key, value, headers)))
    except (ValueError, IndexError) as error:
        raise CorruptRecordError(f"A record ends early: {error!r}") from error
    if position != len(content):
        raise CorruptRecordError(f"{len(content) - position} bytes follow the last record.")
    return records


def _bytes(content: bytes, position: int) -> tuple[bytes | None, int]:
    size, position = decode_varint(content, position)
    return (None, position) if size < 0 else (content[position : position + size], position + size)


def _headers(content: bytes, position: int) -> tuple[tuple[tuple[str, Any], ...], int]:
    headers = []
    count, position = decode_varint(content, position)
    for _ in range(count):
        name, position = _bytes(content, position)
        value, position = _bytes(content, position)
        headers.append(((name or b"").decode(), value))
    return tuple(headers), position
