"""Counting micro-batches between reports, with a test clock."""

from __future__ import annotations

from datetime import UTC, datetime

from pinterest_platform.stream.activity import Activity
from pinterest_platform.stream.sink import BatchOutcome


class Clock:
    seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_a_report_adds_up_the_batches_since_the_last_one() -> None:
    clock = Clock()
    activity = Activity(clock)
    activity.add(BatchOutcome(rows=3, rejects=1, oldest=datetime.now(UTC)), seconds=0.2)
    activity.add(BatchOutcome(rows=5, duplicates=2, late=4, oldest=datetime.now(UTC)), seconds=0.4)
    clock.seconds += 4

    report = activity.take()

    assert (report.batches, report.rows, report.rejects, report.duplicates, report.late) == (2, 8, 1, 2, 4)
    assert (report.rows_per_second, round(report.seconds_a_batch or 0, 3)) == (2.0, 0.3)
    assert report.latency_seconds is not None


def test_the_next_report_begins_anew() -> None:
    clock = Clock()
    activity = Activity(clock)
    activity.add(BatchOutcome(rows=3), seconds=0.2)
    activity.take()
    clock.seconds += 2

    report = activity.take()

    assert (report.rows, report.seconds, report.seconds_a_batch, report.latency_seconds) == (0, 2.0, None, None)


def test_idleness_counts_from_the_last_batch_and_from_what_excuses_it() -> None:
    clock = Clock()
    activity = Activity(clock)
    clock.seconds += 9
    assert activity.idle_seconds == 9

    activity.excuse()
    clock.seconds += 1
    assert activity.idle_seconds == 1
    assert activity.last_stored_at is None

    activity.add(BatchOutcome(rows=1), seconds=0.1)
    clock.seconds += 2
    assert activity.idle_seconds == 2
    assert activity.last_stored_at is not None
