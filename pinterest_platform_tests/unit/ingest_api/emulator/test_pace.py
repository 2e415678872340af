from __future__ import annotations

import pytest

from ingest_api.emulator.pace import as_fast_as_accepted, at_random, at_rate


def test_as_fast_as_accepted_never_waits() -> None:
    assert [as_fast_as_accepted(begun) for begun in range(3)] == [0, 0, 0]


def test_random_pauses_are_between_0_and_2_seconds_and_determined_by_the_seed() -> None:
    pace, again = at_random(7), at_random(7)
    pauses = [pace(begun) for begun in range(1_000)]
    assert pauses == [again(begun) for begun in range(1_000)]
    assert 0 <= min(pauses) < 0.1
    assert 1.9 < max(pauses) <= 2


def test_a_rate_spaces_posts_evenly_and_lets_late_ones_catch_up() -> None:
    now = 100.0
    pace = at_rate(10, lambda: now)
    assert [pace(begun) for begun in (0, 1, 5)] == pytest.approx([0, 0.1, 0.5])
    now = 101.0
    assert pace(5) == 0
    assert pace(15) == pytest.approx(0.5)
