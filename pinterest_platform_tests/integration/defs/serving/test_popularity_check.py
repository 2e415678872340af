"""The check of `category_popularity`, run by Dagster over real S3 and Cassandra."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import dagster as dg
import pytest

from pinterest_platform.defs.partitions import DAILY, RECOUNT_PERIODS
from pinterest_platform.defs.serving.checks import category_popularity_equals_a_recount
from pinterest_platform.pins.calendar import Period
from pinterest_platform.serving.category_popularity import CategoryCounts, ranked, replace_period
from pinterest_platform.settings import Settings
from pinterest_platform.stores.cassandra import open_session
from pinterest_platform.stores.s3 import open_bucket
from pinterest_platform_tests.support.clean_slices import clean_pin, put_slice

DAY, EARLIER = date(2026, 11, 16), date(2026, 10, 2)
OF_DAY, OF_MONTH, OF_YEAR = Period("day", "2026-11-16"), Period("month", "2026-11"), Period("year", "2026")


@pytest.fixture
def place(corner: Settings, keyspace: Settings) -> Settings:
    """Three pins of the day by two posters, one of them once more in an earlier month."""
    own = corner.model_copy(update={"cassandra_keyspace": keyspace.cassandra_keyspace})
    pins = [
        clean_pin(DAY, unique_id="1", category="art", poster_name="Ann"),
        clean_pin(DAY, unique_id="2", category="art", poster_name=None),
        clean_pin(DAY, unique_id="3", category="travel", poster_name="Ann"),
    ]
    put_slice(open_bucket(own), DAY, *pins)
    put_slice(open_bucket(own), EARLIER, clean_pin(EARLIER, unique_id="1", category="art", poster_name="Bo"))
    return own


@pytest.fixture
def cassandra(place: Settings) -> Iterator[Any]:
    with open_session(place) as session:
        session.set_keyspace(place.cassandra_keyspace)
        of_day = [CategoryCounts("art", 2, 2, 1), CategoryCounts("travel", 1, 1, 1)]
        of_year = [CategoryCounts("art", 3, 2, 2), CategoryCounts("travel", 1, 1, 1)]
        for period, counts in ((OF_DAY, of_day), (OF_MONTH, of_day), (OF_YEAR, of_year)):
            replace_period(session, period, ranked(counts), 1)
        yield session


def check(settings: Settings, tags: dict[str, str]) -> dg.AssetCheckEvaluation:
    job = dg.define_asset_job("check", selection=dg.AssetSelection.all_asset_checks(), tags=tags)
    definitions = dg.Definitions(
        assets=[dg.AssetSpec("category_popularity", partitions_def=DAILY)],
        asset_checks=[category_popularity_equals_a_recount],
        jobs=[job],
        resources={"settings": settings},
    )
    with dg.DagsterInstance.ephemeral() as instance:
        result = definitions.resolve_job_def("check").execute_in_process(
            instance=instance, tags={"dagster/partition": DAY.isoformat()}
        )
    [evaluation] = result.get_asset_check_evaluations()
    return evaluation


@pytest.mark.usefixtures("cassandra")
@pytest.mark.parametrize(
    ("tags", "compared"),
    [
        ({}, {"different_in_the_day"}),
        ({RECOUNT_PERIODS: "true"}, {"different_in_the_day", "different_in_the_month", "different_in_the_year"}),
    ],
)
def test_what_cassandra_has_equals_a_recount(place: Settings, tags: dict[str, str], compared: set[str]) -> None:
    found = check(place, tags)

    assert (found.passed, found.blocking) == (True, False)
    assert {name: value.value for name, value in found.metadata.items()} == dict.fromkeys(compared, 0)


def test_a_day_that_differs_is_named(place: Settings, cassandra: Any) -> None:
    wrong = [CategoryCounts("art", 2, 2, 2), CategoryCounts("quotes", 1, 1, 1)]
    replace_period(cassandra, OF_DAY, ranked(wrong), 2)

    found = check(place, {})

    assert not found.passed
    assert found.description == (
        "In 2026-11-16, 3 categories differ: "
        "art has rank 1 with 2 posts, 2 pins, 2 posters, not rank 1 with 2 posts, 2 pins, 1 posters; "
        "quotes has rank 2 with 1 posts, 1 pins, 1 posters, not nothing; "
        "travel has nothing, not rank 2 with 1 posts, 1 pins, 1 posters. "
        "Materialise category_popularity of the day again: it recounts the day, its month and year."
    )


def test_a_year_that_differs_is_found_when_the_run_asks_for_periods(place: Settings, cassandra: Any) -> None:
    replace_period(cassandra, OF_YEAR, ranked([CategoryCounts("art", 4, 2, 2)]), 2)

    assert check(place, {}).passed
    assert "In 2026, 2 categories differ" in (check(place, {RECOUNT_PERIODS: "true"}).description or "")
