"""Batches are written one after another while the next is prepared, and a failure stops the later ones."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import pytest

from pinterest_platform.stream.activity import Activity
from pinterest_platform.stream.batch_writer import BatchWriter
from pinterest_platform.stream.sink import BatchOutcome


def test_a_batch_is_taken_before_it_is_written_and_the_next_only_afterwards() -> None:
    may_go_on, written = threading.Event(), []

    def sink(lines: Sequence[str]) -> Iterator[BatchOutcome]:
        may_go_on.wait(10)
        written.append(list(lines))
        yield BatchOutcome(rows=len(lines))

    activity = Activity()
    with BatchWriter(sink, activity) as writer:
        writer.write(["a"])
        assert written == []
        may_go_on.set()
        writer.write(["b", "c"])
        assert written[0] == ["a"]

    assert written == [["a"], ["b", "c"]]
    assert activity.take().rows == 3


def test_after_a_failure_nothing_is_written_any_more() -> None:
    tried = []

    def sink(lines: Sequence[str]) -> Iterator[BatchOutcome]:
        tried.append(list(lines))
        raise ConnectionError("PostgreSQL is away")

    with BatchWriter(sink, Activity()) as writer:
        writer.write(["a"])
        for _ in range(2):
            with pytest.raises(ConnectionError, match="PostgreSQL is away"):
                writer.write(["b"])

    assert tried == [["a"]]
    assert isinstance(writer.failure, ConnectionError)
