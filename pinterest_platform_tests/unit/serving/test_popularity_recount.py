"""The recount of popularity equals a count by hand over random pins."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinterest_platform.serving import popularity_recount
from pinterest_platform.serving.category_popularity import CategoryCounts
from pinterest_platform.serving.popularity_recount import COUNTED_COLUMNS, recount
from pinterest_platform_tests.support.clean_slices import batch, clean_pin

DAY = date(2026, 11, 16)
Pin = tuple[str, str, str | None]  # unique_id, category, poster_name
PINS = st.tuples(
    st.sampled_from("12345"), st.sampled_from(["art", "travel", ""]), st.sampled_from(["Ann", "Bo", "", None])
)


def batches(*of_pins: list[Pin]) -> list[Any]:
    """One record batch for each list."""
    return [
        batch(
            *(
                clean_pin(DAY, unique_id=unique_id, category=category, poster_name=name)
                for unique_id, category, name in pins
            )
        ).select(list(COUNTED_COLUMNS))
        for pins in of_pins
    ]


def by_hand(pins: list[Pin]) -> list[CategoryCounts]:
    return [
        CategoryCounts(
            category,
            sum(pin[1] == category for pin in pins),
            len({pin[0] for pin in pins if pin[1] == category}),
            len({pin[2] for pin in pins if pin[1] == category and pin[2] is not None}),
        )
        for category in sorted({pin[1] for pin in pins})
    ]


@given(st.lists(st.lists(PINS), min_size=1, max_size=4))
def test_pins_that_repeat_are_counted_as_by_hand(lists: list[list[Pin]]) -> None:
    assert recount(batches(*lists), pins_repeat=True) == by_hand([pin for pins in lists for pin in pins])


@given(st.lists(PINS, unique_by=lambda pin: pin[0]))
def test_pins_of_a_day_need_not_be_remembered(pins: list[Pin]) -> None:
    assert recount(batches([], pins), pins_repeat=False) == by_hand(pins)


def test_merging_on_the_way_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(popularity_recount, "_PENDING_ROWS", 3)
    lists: list[list[Pin]] = [[(f"{number % 7}", "art", f"poster {number % 5}")] * 2 for number in range(20)]

    assert recount(batches(*lists), pins_repeat=True) == [CategoryCounts("art", 40, 7, 5)]
