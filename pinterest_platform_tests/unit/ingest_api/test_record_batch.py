"""A batch can be read by kafka-python's own reader, and reports its outcome once kafka-python is done with it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

import pytest
from kafka import TopicPartition
from kafka.errors import KafkaTimeoutError
from kafka.record.memory_records import MemoryRecords

from ingest_api.publisher import Receipt, Record
from ingest_api.publisher_result import PublisherResult
from ingest_api.record_batch import RecordBatch, Run

PLACE = TopicPartition("pins", 2)


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


def settle(runs: Sequence[Run], partition: int, outcome: int | Exception) -> None:
    for run in runs:
        if isinstance(outcome, Exception):
            run.result.fail(outcome)
        else:
            run.result.acknowledge(run.positions, partition, outcome + run.first)


def batch_of(size: int = 1_000_000) -> RecordBatch:
    return RecordBatch(PLACE, size, 0, settle)


def read(batch: RecordBatch) -> list[Record]:
    batch.records.close()
    [read] = MemoryRecords(bytes(batch.records.buffer()))
    assert read.validate_crc()
    records = list(read)
    assert [record.offset for record in records] == list(range(len(records)))
    return [Record(record.key, record.value, record.timestamp) for record in records]


def test_records_of_several_deliveries_lie_in_the_batch_in_their_order(loop: asyncio.AbstractEventLoop) -> None:
    sizes = [0, 1, 62, 63, 64, 8_191, 8_192, 20_000]
    records = [Record(b"k" * (size + 1), b"v" * size, 1_700_000_000_000 + size - 5_000) for size in sizes]
    batch = batch_of()
    assert batch.append_run(PublisherResult(records, loop), [0, 2, 4]) == 3
    assert batch.append_run(PublisherResult(records, loop), range(1, 8)) == 7
    assert batch.record_count == 10
    assert read(batch) == [records[position] for position in (0, 2, 4, 1, 2, 3, 4, 5, 6, 7)]


def test_a_batch_takes_what_it_has_room_for_and_the_first_whatever_its_size(loop: asyncio.AbstractEventLoop) -> None:
    records = [Record(b"key", b"v" * 400, 1)] * 5
    batch = batch_of(size=1_000)
    assert batch.append_run(PublisherResult(records, loop), range(5)) == 2
    assert batch.append_run(PublisherResult(records, loop), range(2, 5)) == 0
    assert len(read(batch)) == 2
    assert batch_of(size=100).append_run(PublisherResult(records, loop), range(5)) == 1


def test_a_batch_that_was_sent_takes_nothing_more(loop: asyncio.AbstractEventLoop) -> None:
    batch = batch_of()
    batch.append_run(PublisherResult([Record(b"a", b"b", 1)], loop), (0,))
    batch.records.close()
    assert batch.append_run(PublisherResult([Record(b"a", b"b", 1)], loop), (0,)) == 0


def test_every_delivery_learns_where_its_records_are(loop: asyncio.AbstractEventLoop) -> None:
    first, second = (PublisherResult([Record(b"a", b"b", 1)] * 2, loop) for _ in range(2))
    batch = batch_of()
    batch.append_run(first, (1, 0))
    batch.append_run(second, (0, 1))
    batch.complete(base_offset=100, log_append_time=-1)
    assert list(first.receipts.result()) == [Receipt(2, 101), Receipt(2, 100)]
    assert list(second.receipts.result()) == [Receipt(2, 102), Receipt(2, 103)]


def test_a_batch_that_failed_fails_its_deliveries(loop: asyncio.AbstractEventLoop) -> None:
    result = PublisherResult([Record(b"a", b"b", 1)], loop)
    batch = batch_of()
    batch.append_run(result, (0,))
    batch.complete_exceptionally(KafkaTimeoutError("expired"), lambda _: KafkaTimeoutError("expired"))
    with pytest.raises(KafkaTimeoutError, match="expired"):
        result.receipts.result()
