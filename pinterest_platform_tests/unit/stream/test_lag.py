"""The stream's lag, with a topic in memory."""

from __future__ import annotations

import pytest

from pinterest_platform.stream.lag import Lag, lag_of
from pinterest_platform.stream.query import EARLIEST, StreamOffsetsLostError, starting_offsets
from pinterest_platform_tests.support.fakes import FakeTopic


def topic_of(*timestamps: int) -> FakeTopic:
    topic = FakeTopic(partitions=2)
    for timestamp in timestamps:
        topic.post(timestamp, b"{}")
    return topic


def test_the_lag_is_what_is_not_stored_and_the_age_of_the_oldest_of_it() -> None:
    topic = topic_of(1_000, 4_000, 9_000)

    assert lag_of(topic, {0: 1}, clock=lambda: 10.0) == Lag(records=2, seconds=6.0)


def test_a_stream_that_has_everything_has_no_lag() -> None:
    assert lag_of(topic_of(1_000), {0: 1}) == Lag(0, 0.0)


def test_records_that_kafka_has_deleted_are_not_waited_for() -> None:
    topic = topic_of(1_000, 2_000)
    topic.delete_before(0, 1)

    assert lag_of(topic, {}, clock=lambda: 3.0) == Lag(1, 1.0)


def test_marks_of_transactions_and_aborted_records_are_not_waited_for() -> None:
    topic = topic_of()
    topic.post_transaction(1_000, [b"{}"])
    topic.post_aborted(2_000, [b"{}", b"{}"])

    assert lag_of(topic, {0: 1}) == Lag(0, 0.0)
    assert lag_of(topic, {}, clock=lambda: 3.0).seconds == 2.0

    topic.post(4_000, b"{}")
    assert lag_of(topic, {0: 1}, clock=lambda: 5.0) == Lag(1, 1.0)


def test_a_stream_starts_after_what_is_stored_and_at_the_earliest_record_of_a_new_partition() -> None:
    assert starting_offsets(topic_of(1_000, 2_000), {0: 1}) == {0: 1, 1: EARLIEST}


@pytest.mark.parametrize(("stored", "kept_from"), [(5, 0), (1, 2)])
def test_offsets_that_the_topic_does_not_have_are_an_error_that_says_what_to_do(stored: int, kept_from: int) -> None:
    topic = topic_of(1_000, 2_000, 3_000)
    topic.delete_before(0, kept_from)

    with pytest.raises(StreamOffsetsLostError, match=r"recreated, or its records expired.*row of stream_progress"):
        starting_offsets(topic, {0: stored})
