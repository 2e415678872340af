from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from pinterest_platform.pins.calendar import AHEAD_MS, MISDATED_DAY, PlausibleTimes, day_of, end_of, start_of

FIRST = date(2025, 1, 1)
NOW = start_of(date(2026, 11, 30)) + 12 * 3_600_000
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
