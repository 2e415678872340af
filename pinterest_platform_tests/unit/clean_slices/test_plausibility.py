"""Days that are valid but implausible."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from pinterest_platform.clean_slices.plausibility import (
    WORLD_POPULATION,
    check_categories,
    check_dates,
    check_followers,
    check_quarantined,
    count_categories,
)
from pinterest_platform_tests.support.clean_slices import batch, clean_pin

DAY = date(2026, 11, 16)
NOON = datetime(2026, 11, 16, 12, tzinfo=UTC)


def test_a_pin_of_now_is_not_in_the_future() -> None:
    assert check_dates([batch(), batch(clean_pin(DAY))], DAY, now=NOON).problem is None


def test_a_pin_that_landing_takes_as_an_hour_ahead_holds_up_no_day() -> None:
    ahead = NOON.replace(tzinfo=None) + timedelta(hours=1)

    assert check_dates([batch(clean_pin(DAY, ingested_at=ahead))], DAY, now=NOON).problem is None


def test_a_pin_of_the_evening_is_in_the_future_at_noon() -> None:
    evening = (NOON + timedelta(hours=8)).replace(tzinfo=None)

    found = check_dates([batch(clean_pin(DAY), clean_pin(DAY, ingested_at=evening))], DAY, now=NOON)

    assert found.problem == "1 pins were ingested later than now (2026-11-16 12:00 UTC)."


def test_a_pin_of_another_day_is_found() -> None:
    found = check_dates([batch(clean_pin(DAY - timedelta(days=1)))], DAY, now=NOON)

    assert found.problem == "1 pins belong to another day."


def test_as_many_followers_as_people_are_believed_and_one_more_is_not() -> None:
    believed = clean_pin(DAY, follower_count=WORLD_POPULATION)
    unbelieved = clean_pin(DAY, unique_id="star", follower_count=WORLD_POPULATION + 1)

    assert check_followers([batch(), batch(believed), batch(clean_pin(DAY, follower_count=None))]).problem is None
    found = check_followers([batch(believed), batch(unbelieved)])
    assert found.problem is not None
    assert found.facts == {
        "too_many_followers": 1,
        "largest_follower_count": WORLD_POPULATION + 1,
        "examples": "star",
    }


def test_categories_are_counted_over_batches() -> None:
    assert count_categories([batch(clean_pin(DAY)), batch(clean_pin(DAY), clean_pin(DAY, category="travel"))]) == 2


def test_categories_explode_above_the_setting_unless_the_days_before_had_about_as_many() -> None:
    before = {DAY - timedelta(days=1): 400, DAY - timedelta(days=2): 10}

    assert check_categories(100, {}, plausible=100).problem is None
    assert check_categories(101, {}, plausible=100).problem is not None
    assert check_categories(1_200, before, plausible=100).problem is None
    assert check_categories(1_201, before, plausible=100).problem is not None


def test_many_quarantined_records_are_told() -> None:
    assert check_quarantined(1, 100, plausible_share=0.01).problem is None
    assert check_quarantined(0, 0, plausible_share=0.01).problem is None
    found = check_quarantined(2, 100, plausible_share=0.01)
    assert (found.problem or "").startswith("2.0% of the records are not valid pins (2 of 100), more than 1.0%.")
