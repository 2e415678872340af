from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinterest_platform.pins.calendar import (
    AHEAD_MS,
    MILLISECONDS_AN_HOUR,
    MISDATED_DAY,
    PlausibleTimes,
    day_of,
    end_of,
    is_closed,
    milliseconds_of,
    start_of,
)

FIRST = date(2025, 1, 1)
NOW = start_of(date(2026, 11, 30)) + 12 * MILLISECONDS_AN_HOUR
TIMES = PlausibleTimes.until(NOW, FIRST)


@given(st.integers(-(2**63), 2**63 - 1))
def test_any_timestamp_of_64_bits_has_a_slice(timestamp: int) -> None:
    day = TIMES.slice_of(timestamp)

    if start_of(FIRST) <= timestamp <= NOW + AHEAD_MS:
        assert start_of(day) <= timestamp < end_of(day)
    else:
        assert day == MISDATED_DAY


def test_both_ends_are_plausible() -> None:
    assert TIMES.slice_of(start_of(FIRST)) == FIRST
    assert TIMES.slice_of(start_of(FIRST) - 1) == MISDATED_DAY
    assert TIMES.slice_of(NOW + AHEAD_MS) == day_of(NOW)
    assert TIMES.slice_of(NOW + AHEAD_MS + 1) == MISDATED_DAY


@pytest.mark.parametrize(("hour", "closed"), [(0, False), (1, True)])
def test_a_day_is_closed_an_hour_after_its_end(hour: int, closed: bool) -> None:
    assert is_closed(date(2026, 11, 29), datetime(2026, 11, 30, hour, tzinfo=UTC)) is closed


def test_a_time_is_its_whole_milliseconds() -> None:
    moment = datetime(2026, 11, 30, 23, 59, 59, 999_999, tzinfo=UTC)
    assert milliseconds_of(moment) == end_of(date(2026, 11, 30)) - 1
