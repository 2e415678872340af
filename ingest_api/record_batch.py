"""A kafka-python batch, in Kafka's record format v2, that takes many records at once.

`KafkaProducer.send` takes one record at a time and makes a future for each: two objects, five locks and a dozen calls,
in two threads that share the interpreter lock. This takes all records of a request for one partition in one loop, and
keeps one entry for them. kafka-python's accumulator and sender treat it like their own batches.

It builds on private parts of kafka-python (`kafka_internals`); the publisher's tests run over a real broker.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from kafka import TopicPartition

from ingest_api.publisher import Record
from ingest_api.publisher_result import PublisherResult
from pinterest_platform.kafka_internals import MemoryRecordsBuilder, ProducerBatch, encode_varint

_FORMAT = 2
_NO_HEADERS = b"\x00"


class Run:
    """Neighbours in a batch: the records of `result` at `positions` lie in it one after the other from `first` on."""

    __slots__ = ("first", "positions", "result")

    def __init__(self, result: PublisherResult, positions: Sequence[int], first: int) -> None:
        self.result = result
        self.positions = positions
        self.first = first


# Told what became of a batch, from the producer's thread: its runs, its partition, its first offset or the error.
Settled = Callable[[Sequence[Run], int, "int | Exception"], None]


class RecordBatch(ProducerBatch):  # type: ignore[misc]
    """A batch of at most `size` bytes, unless its only record is larger."""

    def __init__(self, place: TopicPartition, size: int, compression: int, settled: Settled) -> None:
        super().__init__(place, MemoryRecordsBuilder(_FORMAT, compression, size))
        self._runs: list[Run] = []
        self._size = size
        self._settled = settled
        _tell(self.produce_future, self._runs, settled)

    def append_run(self, result: PublisherResult, positions: Sequence[int]) -> int:
        """Take as many of these records as there is room for, at least one into an empty batch; returns how many."""
        records = self.records
        if records._closed:
            return 0
        first = records.next_offset()
        taken = _append(records._builder, self._size, result.records, positions, first)
        if taken:
            records._next_offset = first + taken
            self._runs.append(Run(result, positions[:taken], first))
        return taken

    @property
    def _record_futures(self) -> list[_Moved]:
        # kafka-python asks for these when a broker finds the batch too large: it splits it, and binds each record anew.
        return [_Moved(self._settled, run.result, position) for run in self._runs for position in run.positions]

    @_record_futures.setter
    def _record_futures(self, _: list[Any]) -> None: ...


class _Moved:
    """A record of a batch that was split."""

    def __init__(self, settled: Settled, result: PublisherResult, position: int) -> None:
        self._settled = settled
        self._result = result
        self._position = position

    def rebind(self, produce_future: Any, index: int) -> None:
        """The record is now number `index` of the batch that this future belongs to."""
        _tell(produce_future, [Run(self._result, (self._position,), index)], self._settled)


def _tell(produce_future: Any, runs: Sequence[Run], settled: Settled) -> None:
    partition = produce_future.topic_partition.partition

    def done(result: tuple[int, int, Callable[[int], Exception] | None]) -> None:
        base_offset, _timestamp, error_of = result
        settled(runs, partition, error_of(runs[0].first) if error_of else base_offset)

    produce_future.add_callback(done)
    produce_future.add_errback(partial(settled, runs, partition))


def _append(builder: Any, size: int, records: Sequence[Record], positions: Sequence[int], first: int) -> int:
    buffer, number = builder._buffer, first
    if builder._first_timestamp is None:
        builder._first_timestamp = builder._max_timestamp = records[positions[0]].timestamp
    for position in positions:
        key, value, timestamp = records[position]
        body = b"".join(
            (
                b"\x00",  # attributes
                _varint(timestamp - builder._first_timestamp),
                _varint(number),
                _varint(len(key)),
                key,
                _varint(len(value)),
                value,
                _NO_HEADERS,
            )
        )
        if number and len(buffer) + len(body) > size:
            break
        buffer += _varint(len(body))
        buffer += body
        builder._max_timestamp = max(builder._max_timestamp, timestamp)
        number += 1
    if number > first:
        builder._last_offset, builder._num_records = number - 1, number
    return number - first


def _made_varint(number: int) -> bytes:
    written = bytearray()
    encode_varint(number, written.append)
    return bytes(written)


_SMALL = tuple(_made_varint(number) for number in range(4_096))


def _varint(number: int) -> bytes:
    return _SMALL[number] if 0 <= number < len(_SMALL) else _made_varint(number)
