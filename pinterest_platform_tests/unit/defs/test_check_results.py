"""Checks that run side by side in one step: each reports its result for each day, even if others fail."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from datetime import date, timedelta
from threading import Barrier

import dagster as dg
import pytest
from dagster._core.event_api import PartitionKeyFilter
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from pinterest_platform.defs.check_results import check_results
from pinterest_platform.defs.partitions import DAILY
from pinterest_platform.findings import Finding

DAY = date(2026, 11, 16)
NEXT_DAY = DAY + timedelta(days=1)
PINS = dg.AssetSpec("pins", partitions_def=DAILY)
Judge = Callable[[Sequence[date]], Mapping[date, Finding]]


def well(days: Sequence[date]) -> dict[date, Finding]:
    return {day: Finding({"rows": day.day}) for day in days}


def wrong_next_day(days: Sequence[date]) -> dict[date, Finding]:
    return well(days) | {NEXT_DAY: Finding(problem="A row is missing.")}


def away(_days: Sequence[date]) -> dict[date, Finding]:
    raise ConnectionError("The store is away.")


def run(
    finders: Mapping[str, Judge],
    *days: date,
    selected: Sequence[str] | None = None,
    as_range: bool = False,
    instance: dg.DagsterInstance | None = None,
) -> tuple[bool, list[dg.AssetCheckEvaluation], str]:
    """Whether the run succeeded, what it told of the checks, and what its step failed with."""
    specs = [
        dg.AssetCheckSpec(name, asset=PINS.key, partitions_def=DAILY, blocking=name == "first") for name in finders
    ]

    @dg.multi_asset_check(specs=specs, can_subset=True)
    def findings_by_day(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        yield from check_results(context, finders)

    selection = dg.AssetSelection.checks(*[dg.AssetCheckKey(PINS.key, name) for name in selected or finders])
    job = dg.define_asset_job("judge", selection=selection)
    definitions = dg.Definitions(assets=[PINS], asset_checks=[findings_by_day], jobs=[job])
    first, last = min(days).isoformat(), max(days).isoformat()
    tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
    with nullcontext(instance) if instance else dg.DagsterInstance.ephemeral() as instance:
        result = definitions.resolve_job_def("judge").execute_in_process(
            instance=instance,
            raise_on_error=False,
            tags=tags if as_range or first != last else {"dagster/partition": first},
        )
    told = [
        event.asset_check_evaluation_data
        for event in result.all_events
        if event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION
    ]
    failures = [event.step_failure_data.error for event in result.all_events if event.is_step_failure]
    return result.success, told, "".join(error.to_string() for error in failures if error)


def test_they_judge_at_the_same_time() -> None:
    both = Barrier(2)

    def waits_for_the_other(days: Sequence[date]) -> dict[date, Finding]:
        both.wait(timeout=30)
        return well(days)

    success, told, _ = run({"first": waits_for_the_other, "second": waits_for_the_other}, DAY)

    assert success
    assert {(found.check_name, found.passed, found.partition) for found in told} == {
        ("first", True, DAY.isoformat()),
        ("second", True, DAY.isoformat()),
    }


def test_each_day_of_each_check_is_told() -> None:
    _, told, _ = run({"first": well, "second": wrong_next_day}, DAY, NEXT_DAY)

    of_days = {(found.check_name, found.partition): found for found in told if found.partition}
    assert {key for key, found in of_days.items() if not found.passed} == {("second", NEXT_DAY.isoformat())}
    assert len(of_days) == 4
    assert [found.description for found in told if not found.partition and not found.passed] == [
        f"{NEXT_DAY}: A row is missing."
    ]
    assert {found.check_name for found in told if found.blocking} == {"first"}


def test_a_backfill_of_one_day_tells_it_under_its_day() -> None:
    _, told, _ = run({"first": well}, DAY, as_range=True)

    assert [(found.partition, found.passed) for found in told] == [(DAY.isoformat(), True), (None, True)]


def test_a_day_that_a_backfill_has_mended_is_mended_where_the_exporter_looks() -> None:
    of_the_day = PartitionKeyFilter(key=DAY.isoformat())

    def newest(instance: dg.DagsterInstance) -> AssetCheckExecutionRecordStatus:
        key = dg.AssetCheckKey(PINS.key, "first")
        [record] = instance.event_log_storage.get_asset_check_execution_history(key, 1, partition_filter=of_the_day)
        return record.status

    with dg.DagsterInstance.ephemeral() as instance:
        run({"first": lambda days: {day: Finding(problem="A row is missing.") for day in days}}, DAY, instance=instance)
        assert newest(instance) == AssetCheckExecutionRecordStatus.FAILED

        run({"first": well}, DAY, as_range=True, instance=instance)

        assert newest(instance) == AssetCheckExecutionRecordStatus.SUCCEEDED


@pytest.mark.parametrize("lost", ["first", "second"])
def test_one_that_cannot_be_judged_fails_the_step_and_keeps_no_other_from_being_told(lost: str) -> None:
    success, told, failure = run({"first": well, "second": well} | {lost: away}, DAY)

    assert not success
    assert [found.check_name for found in told] == [name for name in ("first", "second") if name != lost]
    assert "The store is away." in failure


def test_only_those_that_were_selected_are_judged() -> None:
    success, told, _ = run({"first": away, "second": well}, DAY, selected=["second"])

    assert success
    assert [found.check_name for found in told] == ["second"]
