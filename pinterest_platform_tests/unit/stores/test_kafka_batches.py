"""That decoding a batch ourselves gives what kafka-python gives, and refuses what it refuses."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka import TopicPartition
from kafka.errors import CorruptRecordError
from kafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder
from kafka.record.memory_records import MemoryRecords

from pinterest_platform.stores.kafka_batches import PartitionRecords, Record, decode_batch

UNCOMPRESSED, GZIP = 0, 1
BYTES = st.none() | st.binary(max_size=300)
RECORDS = st.lists(
    st.tuples(
        st.integers(0, 2**42), BYTES, BYTES, st.lists(st.tuples(st.text(max_size=5), st.none() | st.binary(max_size=5)))
    ),
    min_size=1,
    max_size=20,
)


def encoded(records: Any, compression: int = UNCOMPRESSED) -> bytearray:
    builder = DefaultRecordBatchBuilder(2, compression, False, -1, -1, -1, 1_000_000)
    for offset, (timestamp, key, value, headers) in enumerate(records):
        assert builder.append(offset, timestamp, key, value, headers)
    return bytearray(builder.build())


@given(RECORDS, st.sampled_from([UNCOMPRESSED, GZIP]))
def test_gives_what_kafka_python_gives(records: Any, compression: int) -> None:
    content = encoded(records, compression)
    theirs = [
        Record("pins", 3, record.offset, record.timestamp, record.key, record.value, tuple(record.headers))
        for record in DefaultRecordBatch(content)
    ]
    assert decode_batch(DefaultRecordBatch(content), "pins", 3) == theirs


def test_gives_the_brokers_time_where_the_broker_stamps() -> None:
    content = encoded([(1_000, b"key", b"value", []), (2_000, b"key", b"value", [])])
    content[DefaultRecordBatch.ATTRIBUTES_OFFSET + 1] |= DefaultRecordBatch.TIMESTAMP_TYPE_MASK
    assert [record.timestamp for record in decode_batch(DefaultRecordBatch(content), "pins", 0)] == [2_000, 2_000]


@given(st.integers(1, 40))
def test_refuses_a_batch_that_ends_early(missing: int) -> None:
    content = encoded([(1_000, b"key", b"value" * 10, [("name", b"value")])])
    with pytest.raises(CorruptRecordError):
        decode_batch(DefaultRecordBatch(content[:-missing]), "pins", 0)


def test_refuses_bytes_behind_the_last_record() -> None:
    with pytest.raises(CorruptRecordError, match="2 bytes follow"):
        decode_batch(DefaultRecordBatch(encoded([(1_000, b"key", b"value", [])]) + b"\0\0"), "pins", 0)


def test_refuses_a_batch_that_is_not_what_its_checksum_says() -> None:
    content = encoded([(1_000, b"key", b"value", [])])
    content[-3] ^= 1
    with pytest.raises(CorruptRecordError, match="pins, partition 3, offset 0"):
        fetched(content, from_offset=0).take(10)


def test_begins_at_the_offset_that_was_asked_for_and_goes_on_in_the_next_batch() -> None:
    first = encoded([(1_000, None, b"0", []), (1_000, None, b"1", [])])
    second = DefaultRecordBatchBuilder(2, UNCOMPRESSED, False, -1, -1, -1, 1_000)
    second.append(0, 1_000, None, b"7", [])
    behind = bytearray(second.build())
    behind[:8] = (7).to_bytes(8)  # offsets 2 to 6 were compacted away
    records = fetched(first + behind, from_offset=1)
    assert [record.offset for record in records.take(1)] == [1]
    assert records.next_fetch_offset == 2
    assert [record.offset for record in records.take(10)] == [7]
    assert records.next_fetch_offset == 8


def fetched(content: bytearray, from_offset: int) -> Any:
    return PartitionRecords(from_offset, TopicPartition("pins", 3), MemoryRecords(content))
