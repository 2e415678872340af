"""A day stays requested until a run has landed, cleaned, served and reconciled it."""

from collections.abc import Callable
from datetime import date

import dagster as dg
import pytest

from pinterest_platform.clean_slices.manifest import newest_manifest
from pinterest_platform.defs.check_results import check_result
from pinterest_platform.defs.partitions import BACKFILL, DAILY, days_of
from pinterest_platform.defs.rerun_requests import CLEAN_SLICE, RECONCILIATION_CHECK, request_days, settle_days
from pinterest_platform.findings import Finding
from pinterest_platform.landing.rerun_requests import days_to_rerun, request_rerun, rerun_requests_of
from pinterest_platform_tests.support.clean_slices import put_slice
from pinterest_platform_tests.support.fakes import FakeBucket

MONDAY, TUESDAY = date(2026, 11, 16), date(2026, 11, 17)


class Platform:
    """The batch's first step, its cleaning, its account and its last step, over a bucket in memory."""

    def __init__(self) -> None:
        self.bucket = FakeBucket()
        self.missing: set[date] = set()
        self.after_cleaning: Callable[[], None] = lambda: None
        self.after_account: Callable[[], None] = lambda: None

    def run(self, *days: date, steps: str = "*") -> bool:
        first, last = min(days).isoformat(), max(days).isoformat()
        several = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
        job = self._definitions().resolve_job_def("daily_batch")
        result = job.execute_in_process(
            partition_key=first if first == last else None,
            tags={} if first == last else several,
            asset_selection=None if steps == "*" else [dg.AssetKey(steps)],
            raise_on_error=False,
        )
        return result.success

    def _definitions(self) -> dg.Definitions:
        @dg.asset(partitions_def=DAILY, backfill_policy=BACKFILL)
        def raw_pins(context: dg.AssetExecutionContext) -> None:
            request_days(context, self.bucket, days_of(context))

        @dg.asset(deps=[raw_pins], partitions_def=DAILY, backfill_policy=BACKFILL)
        def clean_pins(context: dg.AssetExecutionContext) -> None:
            for day in days_of(context):
                put_slice(self.bucket, day, rerun_requests=rerun_requests_of(self.bucket, day))
            self.after_cleaning()

        @dg.asset_check(asset=clean_pins, name=RECONCILIATION_CHECK, blocking=True, partitions_def=DAILY)
        def account(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
            found = check_result(context, self._finding)
            self.after_account()
            return found

        @dg.asset(deps=[clean_pins], partitions_def=DAILY, backfill_policy=BACKFILL)
        def category_popularity(context: dg.AssetExecutionContext) -> None:
            settle_days(context, self.bucket, days_of(context))

        job = dg.define_asset_job("daily_batch", selection="*")
        return dg.Definitions([raw_pins, clean_pins, category_popularity], asset_checks=[account], jobs=[job])

    def _finding(self, day: date) -> Finding:
        problem = "It is not all there." if day in self.missing else None
        return Finding({CLEAN_SLICE: newest_manifest(self.bucket, day) or ""}, problem)


@pytest.fixture
def platform() -> Platform:
    return Platform()


def test_a_run_that_has_accounted_for_its_days_takes_away_what_asked_for_them(platform: Platform) -> None:
    request_rerun(platform.bucket, MONDAY)

    assert platform.run(MONDAY, TUESDAY)

    assert days_to_rerun(platform.bucket) == []


def test_days_of_a_run_that_failed_are_asked_for_though_nobody_had_asked(platform: Platform) -> None:
    platform.missing = {TUESDAY}

    assert not platform.run(MONDAY, TUESDAY)

    assert days_to_rerun(platform.bucket) == [MONDAY, TUESDAY]


def test_what_came_after_the_cleaning_had_listed_stays_asked_for(platform: Platform) -> None:
    platform.after_cleaning = lambda: request_rerun(platform.bucket, MONDAY)

    assert platform.run(MONDAY)

    assert days_to_rerun(platform.bucket) == [MONDAY]


def test_a_slice_that_another_run_has_made_since_the_account_is_not_settled(platform: Platform) -> None:
    def another_cleaning() -> None:
        request_rerun(platform.bucket, MONDAY)
        put_slice(platform.bucket, MONDAY, rerun_requests=rerun_requests_of(platform.bucket, MONDAY))

    platform.after_account = another_cleaning

    assert platform.run(MONDAY)

    assert days_to_rerun(platform.bucket) == [MONDAY]


def test_a_run_of_the_last_step_alone_settles_nothing_and_asks_for_nothing(platform: Platform) -> None:
    platform.run(MONDAY)
    request_rerun(platform.bucket, MONDAY)
    put_slice(platform.bucket, MONDAY, rerun_requests=rerun_requests_of(platform.bucket, MONDAY))

    assert platform.run(MONDAY, steps="category_popularity")
    assert platform.run(TUESDAY, steps="raw_pins")

    assert days_to_rerun(platform.bucket) == [MONDAY]
