"""Decodes Kafka's record batches at a fraction of kafka-python's cost.

In kafka-python a record passes through four objects and a dozen properties, which took half of landing's time. This
module replaces one of its private classes (`kafka_internals`). kafka-python still fetches, follows the leader, keeps
the position, verifies checksums and decompresses.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from kafka.errors import CorruptRecordError, UnsupportedCodecError

from pinterest_platform.kafka_internals import FetchedRecords, IsolationLevel, decode_varint, fetcher_of

# A header's name is bytes if it is not UTF-8. Kafka's own clients write text, but brokers do not verify it.
Headers = tuple[tuple[str | bytes, bytes | None], ...]

_NO_HEADERS: Headers = ()
_FORMAT_2 = 2
_NO_TIMESTAMP = -1
# The sum of two numbers below this fits into 64 bits.
_FAR = 2**62


class Record(NamedTuple):
    """One Kafka record, unchanged. `timestamp` is in milliseconds since 1970 UTC; producers may write any value."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers = _NO_HEADERS


def read_as_records(consumer: Any) -> None:
    """Make a kafka-python consumer return `Record`s."""
    fetcher_of(consumer).PartitionRecords = PartitionRecords


class PartitionRecords(FetchedRecords):  # type: ignore[misc]
    """The fetched records of one partition."""

    def _unpack_records(self, tp: Any, records: Any, *_: object) -> Iterator[Record]:
        while (batch := records.next_batch()) is not None:
            if not batch.validate_crc():
                raise _corrupt(tp, batch, "is not what its checksum says")
            if batch.magic < _FORMAT_2:
                yield from self._unpack_old_format(tp, batch)
                continue
            self.leader_epoch = batch.leader_epoch
            if self._is_for_readers(batch):
                for record in self._decode(tp, batch):
                    # Move the position with each record, since a poll may end within a batch.
                    self.next_fetch_offset = record.offset + 1
                    yield record
            # Skip offsets without a record to read: transaction markers, aborted records, gaps from compaction.
            self.next_fetch_offset = batch.next_offset
        self.drain()

    def _is_for_readers(self, batch: Any) -> bool:
        """Whether the batch has records to read: not a transaction marker, and not from an aborted transaction."""
        if self.isolation_level == IsolationLevel.READ_COMMITTED and batch.has_producer_id():
            self._consume_aborted_transactions_up_to(batch.last_offset)
            if self._contains_abort_marker(batch):
                self.aborted_producer_ids.discard(batch.producer_id)
            elif self._is_batch_aborted(batch):
                return False
        return not batch.is_control_batch

    def _unpack_old_format(self, tp: Any, batch: Any) -> Iterator[Record]:
        """Records written before Kafka 0.11. They are rare, so kafka-python decodes them."""
        for old in batch:
            self.next_fetch_offset = old.offset + 1
            timestamp = _NO_TIMESTAMP if old.timestamp is None else old.timestamp
            yield Record(tp.topic, tp.partition, old.offset, timestamp, old.key, old.value)

    @staticmethod
    def _decode(tp: Any, batch: Any) -> list[Record]:
        try:
            return decode_batch(batch, tp.topic, tp.partition)
        except CorruptRecordError as error:
            raise _corrupt(tp, batch, f"cannot be decoded: {error}") from error


def _corrupt(tp: Any, batch: Any, what: str) -> CorruptRecordError:
    return CorruptRecordError(
        f"The batch at {tp.topic}, partition {tp.partition}, offset {batch.base_offset} {what}. The broker has it so: "
        "have its disk looked at, and another replica lead the partition."
    )


def decode_batch(batch: Any, topic: str, partition: int) -> list[Record]:
    """Decode a kafka-python batch of message format 2, which every broker since Kafka 0.11 writes.

    https://kafka.apache.org/documentation/#messageformat

    Raises:
        CorruptRecordError: the batch cannot be decompressed, or its records do not have the stated number and lengths.
        UnsupportedCodecError: the library for its compression is not installed.
    """
    content, position = _unpacked(batch)
    base_offset, first_timestamp = batch.base_offset, batch.first_timestamp
    far = _FAR if -_FAR < first_timestamp < _FAR else 0
    appended = batch.max_timestamp if batch.timestamp_type == batch.LOG_APPEND_TIME else None
    records: list[Record] = []
    new_tuple = tuple.__new__
    try:
        for _ in range(batch.records_count):
            length, position = decode_varint(content, position)
            end = position + length
            delay, position = decode_varint(content, position + 1)  # + 1 skips the unused attributes
            number, position = decode_varint(content, position)
            key, position = _bytes(content, position)
            value, position = _bytes(content, position)
            headers, position = _headers(content, position) if content[position] else (_NO_HEADERS, position + 1)
            if position != end:
                raise CorruptRecordError(f"A record of {length} bytes has {position - end} more.")
            if appended is not None:
                timestamp = appended
            elif -far < delay < far:
                timestamp = first_timestamp + delay
            else:
                timestamp = _as_java_adds(first_timestamp, delay)
            # Not Record(…), which would cost one more Python call per record.
            records.append(new_tuple(Record, (topic, partition, base_offset + number, timestamp, key, value, headers)))
    except (ValueError, IndexError) as error:
        raise CorruptRecordError(f"A record ends early: {error!r}") from error
    if position != len(content):
        raise CorruptRecordError(f"{len(content) - position} bytes follow the last record.")
    return records


def _unpacked(batch: Any) -> tuple[bytes, int]:
    """The batch's decompressed records, and the position of the first one."""
    try:
        iter(batch)
    except (CorruptRecordError, UnsupportedCodecError):
        raise
    except Exception as error:  # each codec's library raises its own errors
        raise CorruptRecordError(f"It cannot be decompressed: {error!r}") from error
    return bytes(batch._buffer), batch._pos


def _as_java_adds(first: int, delay: int) -> int:
    """The sum wrapped to 64 bits, as in Java: one batch may have the least and the greatest timestamp."""
    # kafka-python encodes the difference of two such timestamps in more than 64 bits; Java reads the lowest 64.
    zigzag = (delay << 1 if delay >= 0 else (-delay << 1) - 1) & (2**64 - 1)
    total = first + ((zigzag >> 1) ^ -(zigzag & 1))
    return (total + 2**63) % 2**64 - 2**63


def _bytes(content: bytes, position: int) -> tuple[bytes | None, int]:
    size, position = decode_varint(content, position)
    return (None, position) if size < 0 else (content[position : position + size], position + size)


def _headers(content: bytes, position: int) -> tuple[Headers, int]:
    headers: list[tuple[str | bytes, bytes | None]] = []
    count, position = decode_varint(content, position)
    for _ in range(count):
        name, position = _bytes(content, position)
        value, position = _bytes(content, position)
        headers.append((_text(name or b""), value))
    return tuple(headers), position


def _text(name: bytes) -> str | bytes:
    try:
        return name.decode()
    except UnicodeDecodeError:
        return name
