"""Consecutive failed runs of a day, from Dagster's runs, and how long they delay the next one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg
import pytest
from dagster import DagsterRunStatus
from dagster._core.test_utils import create_run_for_test

from pinterest_platform.defs.landing.attempts import Attempts, attempts_by_day

MONDAY, TUESDAY = date(2026, 11, 16), date(2026, 11, 17)
NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


ONE_DAY = {"dagster/partition": MONDAY.isoformat()}


def ended(instance: dg.DagsterInstance, status: DagsterRunStatus, job_name: str = "daily_batch", **more: Any) -> str:
    run = create_run_for_test(instance, job_name=job_name, status=status, **{"tags": ONE_DAY, **more})
    return str(run.run_id)


def test_failures_in_a_row_are_counted_from_the_last_success_on(instance: dg.DagsterInstance) -> None:
    ended(instance, DagsterRunStatus.FAILURE)
    ended(instance, DagsterRunStatus.SUCCESS)
    ended(instance, DagsterRunStatus.FAILURE)
    last = ended(instance, DagsterRunStatus.CANCELED)

    found = attempts_by_day(instance)

    assert {day: (attempts.failed, attempts.last_run) for day, attempts in found.items()} == {MONDAY: (2, last)}
    assert not found[MONDAY].is_undone, "somebody cancelled it"


def test_a_success_begins_anew(instance: dg.DagsterInstance) -> None:
    ended(instance, DagsterRunStatus.FAILURE)
    ended(instance, DagsterRunStatus.SUCCESS)

    assert attempts_by_day(instance)[MONDAY].failed == 0


def test_a_run_of_several_days_counts_for_each_of_them(instance: dg.DagsterInstance) -> None:
    several = {"dagster/asset_partition_range_start": "2026-11-16", "dagster/asset_partition_range_end": "2026-11-17"}
    ended(instance, DagsterRunStatus.FAILURE, tags=several)
    ended(instance, DagsterRunStatus.FAILURE)

    attempts = attempts_by_day(instance)
    assert {day: (found.failed, found.is_undone) for day, found in attempts.items()} == {
        MONDAY: (2, True),
        TUESDAY: (1, True),
    }


def test_a_backfill_counts_and_a_run_of_some_steps_does_not(instance: dg.DagsterInstance) -> None:
    whole = frozenset(map(dg.AssetKey, ["raw_pins", "clean_pins", "pinterest_batch", "category_popularity"]))
    ended(instance, DagsterRunStatus.FAILURE, "__ASSET_JOB", asset_selection=whole)
    ended(instance, DagsterRunStatus.SUCCESS, "__ASSET_JOB", asset_selection=frozenset({dg.AssetKey("raw_pins")}))
    ended(instance, DagsterRunStatus.SUCCESS, "check_assets")

    assert attempts_by_day(instance)[MONDAY].failed == 1


def test_the_pause_grows_with_every_failure_to_an_hour() -> None:
    pauses = []
    for failed in range(9):
        attempts, minutes = Attempts(failed, "run", NOON), 0
        while attempts.hold_back(NOON + timedelta(minutes=minutes)):
            minutes += 1
        pauses.append(minutes)

    assert pauses == [0, 1, 2, 5, 10, 30, 60, 60, 60]


def test_a_clock_that_was_ahead_when_a_run_failed_holds_nothing_back() -> None:
    assert not Attempts(3, "run", NOON + timedelta(days=2)).hold_back(NOON)
