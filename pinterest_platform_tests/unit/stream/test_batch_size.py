"""The size limit of a micro-batch, from the sizes of waiting and past records."""

from __future__ import annotations

from pinterest_platform.stream.batch_size import (
    BATCH_BYTES,
    MAX_RECORDS_A_BATCH,
    BatchSize,
    records_a_batch,
    waiting_record_bytes,
)
from pinterest_platform_tests.support.fakes import FakeTopic

KIB = 1024


def test_small_records_fill_a_batch_by_number_and_large_ones_by_bytes() -> None:
    assert records_a_batch(0) == records_a_batch(1 * KIB) == MAX_RECORDS_A_BATCH
    assert records_a_batch(32 * KIB) == 1_024
    assert records_a_batch(2 * BATCH_BYTES) == 1


def test_what_waits_is_measured_by_its_larger_half() -> None:
    topic = FakeTopic(partitions=2)
    for number in range(400):
        topic.post(0, b"x" * (32 * KIB if number >= 200 else 100), key=None)

    assert waiting_record_bytes(topic, {}) == 32 * KIB
    assert waiting_record_bytes(topic, {0: 400}) == 0
    assert records_a_batch(waiting_record_bytes(topic, {0: 400})) == MAX_RECORDS_A_BATCH


def test_records_that_grow_or_shrink_ask_for_another_bound() -> None:
    growing, shrinking = BatchSize(100), BatchSize(32 * KIB)

    growing.measure(["x" * 32 * KIB] * 100)
    shrinking.measure(["x" * KIB] * 1_000)

    assert (growing.is_wrong, shrinking.is_wrong) == (True, True)


def test_a_few_records_ask_for_nothing() -> None:
    size = BatchSize(100)

    size.measure(["x" * KIB] * MAX_RECORDS_A_BATCH)
    size.measure(["x" * 1_000 * KIB])
    size.measure(["x"])

    assert not size.is_wrong
