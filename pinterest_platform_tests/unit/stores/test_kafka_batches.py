"""The platform's decoding of record batches gives and refuses the same as kafka-python's."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka import TopicPartition
from kafka.errors import CorruptRecordError
from kafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder
from kafka.record.legacy_records import LegacyRecordBatchBuilder
from kafka.record.memory_records import MemoryRecords
from kafka.record.util import calc_crc32c

from pinterest_platform.stores.kafka_batches import PartitionRecords, Record, decode_batch

UNCOMPRESSED, GZIP, SNAPPY, LZ4, ZSTD = range(5)
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


@given(RECORDS, st.sampled_from([UNCOMPRESSED, GZIP, SNAPPY, LZ4, ZSTD]))
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


@pytest.mark.parametrize("compression", [GZIP, SNAPPY, LZ4, ZSTD])
def test_refuses_a_batch_that_cannot_be_decompressed(compression: int) -> None:
    content = encoded([(1_000, b"key", b"value" * 100, [])], compression)
    content[DefaultRecordBatch.HEADER_STRUCT.size :] = b"no such compression"
    with pytest.raises(CorruptRecordError, match="cannot be decompressed"):
        decode_batch(DefaultRecordBatch(content), "pins", 0)


@given(st.lists(st.integers(-(2**62), 2**62), min_size=1, max_size=5))
def test_gives_times_that_are_none(timestamps: list[int]) -> None:
    content = encoded([(timestamp, b"key", b"value", []) for timestamp in timestamps])
    assert [record.timestamp for record in decode_batch(DefaultRecordBatch(content), "pins", 0)] == timestamps


@pytest.mark.parametrize(("first", "delay", "second"), [(2**63 - 1, 1, -(2**63)), (-(2**63), -1, 2**63 - 1)])
def test_gives_both_ends_of_time_in_one_batch_as_java_writes_them(first: int, delay: int, second: int) -> None:
    content = encoded([(1_000, None, b"one", []), (1_000 + delay, None, b"other", [])])
    content[27:35] = first.to_bytes(8, signed=True)
    assert [record.timestamp for record in decode_batch(DefaultRecordBatch(content), "pins", 0)] == [first, second]


class NoText(str):
    """A header's name that kafka-python takes for text, and writes as bytes that are none."""

    def encode(self, *_: object) -> bytes:
        return b"\xff" + super().encode()


def test_a_header_whose_name_is_no_text_has_bytes_for_it() -> None:
    headers = [(NoText("trace"), b"1"), ("trace", None), ("", b"")]
    content = encoded([(1_000, b"key", b"value", headers), (1_000, b"key", b"behind", [])])

    odd, behind = decode_batch(DefaultRecordBatch(content), "pins", 0)

    assert odd.headers == ((b"\xfftrace", b"1"), ("trace", None), ("", b""))
    assert behind.value == b"behind"


def test_gives_records_of_the_formats_before_kafka_0_11() -> None:
    builder = LegacyRecordBatchBuilder(1, GZIP, 1_000_000)
    for offset in range(3):
        builder.append(offset, 1_000 + offset, None, b"old")
    undated = LegacyRecordBatchBuilder(0, UNCOMPRESSED, 1_000_000)
    undated.append(3, None, b"key", None)
    new = encoded([(5_000, None, b"new", [])])
    new[:8] = (4).to_bytes(8)

    records = fetched(bytearray(builder.build()) + undated.build() + new, from_offset=1)

    assert records.take(10) == [
        Record("pins", 3, 1, 1_001, None, b"old"),
        Record("pins", 3, 2, 1_002, None, b"old"),
        Record("pins", 3, 3, -1, b"key", None),
        Record("pins", 3, 4, 5_000, None, b"new"),
    ]
    assert records.next_fetch_offset == 5


def test_a_batch_that_compaction_has_emptied_is_passed() -> None:
    empty = bytearray(encoded([(1_000, None, b"gone", [])])[: DefaultRecordBatch.HEADER_STRUCT.size])
    empty[8:12] = (len(empty) - 12).to_bytes(4)
    empty[-4:] = (0).to_bytes(4)
    checked = DefaultRecordBatch.CRC_OFFSET
    empty[checked : checked + 4] = calc_crc32c(empty[DefaultRecordBatch.ATTRIBUTES_OFFSET :]).to_bytes(4)

    records = fetched(empty, from_offset=0)

    assert records.take(10) == []
    assert records.next_fetch_offset == 1


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
