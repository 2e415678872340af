"""The tests of reading a topic: they run over the in-memory twin and over a real broker."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Protocol

import pytest

from pinterest_platform.stores.kafka import RecordsDeletedError, Topic

NOON = 1_763_294_400_000


class WritableTopic(Topic, Protocol):
    """A topic that a test can fill as every kind of producer does, and from which it can let records expire."""

    def post(self, timestamp: int, value: bytes | None, key: bytes | None = b"k", partition: int = 0) -> None: ...
    def post_transaction(self, timestamp: int, values: Iterable[bytes], partition: int = 0) -> None: ...
    def post_aborted(self, timestamp: int, values: Iterable[bytes], partition: int = 0) -> None: ...
    def open_transaction(self, partition: int = 0) -> AbstractContextManager[None]: ...
    def delete_before(self, partition: int, offset: int) -> None: ...
    def add_partition(self) -> None: ...


def read_all(topic: Topic, partition: int = 0) -> list[tuple[int, bytes | None]]:
    """Offset and value of everything that there is to read."""
    start, stop = topic.beginning_offsets()[partition], topic.end_offsets()[partition]
    return [(record.offset, record.value) for record in topic.read(partition, start, stop)]


class TopicSuite:
    """Subclasses give the fixture `topic` (two partitions, empty)."""

    def test_records_of_a_committed_transaction_are_read_and_its_end_is_none(self, topic: WritableTopic) -> None:
        topic.post_transaction(NOON, [b"one", b"two"])
        topic.post(NOON, b"plain")

        assert read_all(topic) == [(0, b"one"), (1, b"two"), (3, b"plain")]

    def test_records_of_an_aborted_transaction_are_not_read(self, topic: WritableTopic) -> None:
        topic.post(NOON, b"before")
        topic.post_aborted(NOON, [b"never", b"happened"])
        topic.post_transaction(NOON, [b"after"])

        assert read_all(topic) == [(0, b"before"), (4, b"after")]

    def test_a_range_without_a_record_reads_as_nothing(self, topic: WritableTopic) -> None:
        topic.post(NOON, b"before")
        topic.post_aborted(NOON, [b"never"])
        topic.post_aborted(NOON, [b"happened"])

        assert topic.end_offsets()[0] == 5
        assert [list(topic.read(0, start, 5)) for start in (1, 2, 4)] == [[], [], []]

    def test_a_transaction_that_is_not_decided_holds_the_end_back(self, topic: WritableTopic) -> None:
        topic.post(NOON, b"before")
        with topic.open_transaction():
            topic.post(NOON, b"behind")
            held_back, read_until_then = topic.end_offsets(), read_all(topic)
            not_past_the_end = topic.offsets_at(NOON + 1)

        assert held_back == {0: 1, 1: 0}
        assert read_until_then == [(0, b"before")]
        assert not_past_the_end == {0: 1, 1: 0}
        assert read_all(topic) == [(0, b"before"), (2, b"behind")]

    def test_the_same_time_has_an_offset_only_where_a_record_is_decided(self, topic: WritableTopic) -> None:
        with topic.open_transaction():
            topic.post(NOON, b"behind")
            assert topic.offsets_at(NOON) == {0: 0, 1: 0}

    def test_a_partition_that_is_added_later_is_read_from_its_first_record(self, topic: WritableTopic) -> None:
        topic.add_partition()
        topic.post(NOON, b"in the new one", partition=2)

        assert topic.partitions() == [0, 1, 2]
        assert topic.beginning_offsets() == {0: 0, 1: 0, 2: 0}
        assert read_all(topic, 2) == [(0, b"in the new one")]

    def test_a_partition_that_retention_has_emptied_has_nothing_to_read(self, topic: WritableTopic) -> None:
        for _ in range(3):
            topic.post(NOON, b"expired")
        topic.delete_before(0, 3)

        assert (topic.beginning_offsets()[0], topic.end_offsets()[0]) == (3, 3)
        assert topic.offsets_at(NOON) == {0: 3, 1: 0}
        assert read_all(topic) == []

    def test_what_retention_has_deleted_cannot_be_read(self, topic: WritableTopic) -> None:
        for _ in range(3):
            topic.post(NOON, b"expired")
        topic.delete_before(0, 2)

        with pytest.raises(RecordsDeletedError):
            list(topic.read(0, 1, 3))

    def test_a_record_may_lack_its_key_or_its_value(self, topic: WritableTopic) -> None:
        for key, value in ((None, b"v"), (b"k", None), (b"", b"")):
            topic.post(NOON, value, key=key)

        found = [(record.key, record.value) for record in topic.read(0, 0, 3)]
        assert found == [(None, b"v"), (b"k", None), (b"", b"")]
