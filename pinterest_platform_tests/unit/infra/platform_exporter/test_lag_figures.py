from __future__ import annotations

import pytest

from infra.platform_exporter.lag_figures import LagFigures, Waiting
from pinterest_platform.settings import Settings
from pinterest_platform.stores.kafka import TopicUnavailableError
from pinterest_platform.stream.lag import Lag

STORED = {0: 10, 1: 20}


class Looks:
    """What is found at each look, a quarter of a minute after the one before; None where nobody answers."""

    def __init__(self, *found: tuple[dict[int, int], int] | None) -> None:
        self._found = list(found)
        self._now = 0.0
        self._figures = LagFigures(Settings(), look=self._look, clock=lambda: self._now)

    def _look(self, _: Settings) -> Waiting:
        found = self._found.pop(0)
        self._now += 15.0
        if found is None:
            raise TopicUnavailableError("Kafka is away")
        progress, waiting = found
        return Waiting(progress, Lag(waiting, 1.0))

    def next(self) -> tuple[float, float]:
        """The records that wait, and the seconds of standstill."""
        records, seconds = list(self._figures.collect())
        return records.samples[0].value, seconds.samples[0].value


def test_it_stands_still_since_records_were_first_seen_to_wait_with_nothing_stored() -> None:
    looks = Looks((STORED, 3), (STORED, 7), (STORED, 9))

    assert [looks.next() for _ in range(3)] == [(3, 0), (7, 15), (9, 30)]


def test_one_partition_that_goes_on_is_no_standstill() -> None:
    looks = Looks((STORED, 3), (STORED, 3), ({0: 10, 1: 21}, 9), ({0: 10, 1: 21}, 9))

    assert [looks.next() for _ in range(4)] == [(3, 0), (3, 15), (9, 0), (9, 15)]


def test_a_stream_for_which_nothing_waits_may_rest() -> None:
    looks = Looks((STORED, 0), (STORED, 0), (STORED, 5), (STORED, 0))

    assert [looks.next() for _ in range(4)] == [(0, 0), (0, 0), (5, 0), (0, 0)]


def test_a_stream_that_has_never_stored_anything_stands_still_too() -> None:
    looks = Looks(({}, 5), ({}, 5))

    assert [looks.next() for _ in range(2)] == [(5, 0), (5, 15)]


def test_of_the_time_in_which_nobody_could_look_nothing_is_said() -> None:
    looks = Looks((STORED, 3), None, (STORED, 3), (STORED, 3))
    assert looks.next() == (3, 0)

    with pytest.raises(TopicUnavailableError):
        looks.next()

    assert [looks.next() for _ in range(2)] == [(3, 0), (3, 15)]
