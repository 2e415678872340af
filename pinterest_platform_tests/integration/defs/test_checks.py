"""Every check of a day, run by Dagster over real S3: a good slice passes all, a bad slice fails only its own check."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from pinterest_platform.defs.cleaning import checks
from pinterest_platform.defs.partitions import DAILY
from pinterest_platform.pins.calendar import today
from pinterest_platform.settings import Settings
from pinterest_platform.stores.s3 import ObjectStore, open_bucket
from pinterest_platform_tests.support.clean_slices import clean_pin, put_slice

DAY = date(2026, 11, 16)
CHECKS = [
    checks.clean_pins_match_their_schema,
    checks.no_date_is_in_the_future,
    checks.follower_counts_are_plausible,
    checks.categories_do_not_explode,
    checks.event_ids_are_not_reused,
    checks.few_records_are_quarantined,
]


@pytest.fixture
def bucket(corner: Settings) -> ObjectStore:
    return open_bucket(corner)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def check(settings: Settings, instance: dg.DagsterInstance, *days: date) -> list[dg.AssetCheckEvaluation]:
    """What Dagster has of the checks after a run of these days."""
    job = dg.define_asset_job("check", selection=dg.AssetSelection.all_asset_checks())
    specs = [dg.AssetSpec(name, partitions_def=DAILY) for name in ("clean_pins", "quarantined_pins")]
    definitions = dg.Definitions(assets=specs, asset_checks=CHECKS, jobs=[job], resources={"settings": settings})
    first, last = min(days).isoformat(), max(days).isoformat()
    tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
    # Tags, for a job of checks alone takes no partition key: it has no asset whose partitions these would be.
    result = definitions.resolve_job_def("check").execute_in_process(
        instance=instance, raise_on_error=False, tags={"dagster/partition": first} if first == last else tags
    )
    return [
        event.asset_check_evaluation_data
        for event in result.all_events
        if event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION
    ]


def failed(evaluations: list[dg.AssetCheckEvaluation]) -> dict[str, str]:
    return {found.check_name: found.description or "" for found in evaluations if not found.passed}


def test_a_good_day_passes_every_check(corner: Settings, bucket: ObjectStore, instance: dg.DagsterInstance) -> None:
    put_slice(bucket, DAY, clean_pin(DAY))

    evaluations = check(corner, instance, DAY)

    assert (len(evaluations), failed(evaluations)) == (len(CHECKS), {})
    assert {found.partition for found in evaluations} == {DAY.isoformat()}


def test_a_day_without_records_passes_every_check(
    corner: Settings, bucket: ObjectStore, instance: dg.DagsterInstance
) -> None:
    put_slice(bucket, DAY)

    assert failed(check(corner, instance, DAY)) == {}


def test_a_day_that_was_never_cleaned_fails_and_says_what_to_do(corner: Settings, instance: dg.DagsterInstance) -> None:
    told = failed(check(corner, instance, DAY))

    assert len(told) == len(CHECKS)
    assert all("Materialise clean_pins" in description for description in told.values())


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("clean_pins_match_their_schema", {"downloaded": 2}),
        ("no_date_is_in_the_future", {"ingest_date": DAY + timedelta(days=1)}),
        ("follower_counts_are_plausible", {"follower_count": 9_000_000_000}),
    ],
)
def test_a_pin_that_breaks_a_rule_fails_its_check(
    corner: Settings, bucket: ObjectStore, instance: dg.DagsterInstance, name: str, changes: dict[str, Any]
) -> None:
    put_slice(bucket, DAY, clean_pin(DAY), clean_pin(DAY, unique_id="bad", **changes))

    assert list(failed(check(corner, instance, DAY))) == [name]


def test_a_pin_that_stands_twice_fails_the_schema(
    corner: Settings, bucket: ObjectStore, instance: dg.DagsterInstance
) -> None:
    put_slice(bucket, DAY, clean_pin(DAY), clean_pin(DAY))

    told = failed(check(corner, instance, DAY))

    assert told == {"clean_pins_match_their_schema": "1 rules are broken: unique_id: stands more than once."}


def test_a_pin_from_the_future_fails(corner: Settings, bucket: ObjectStore, instance: dg.DagsterInstance) -> None:
    later = (datetime.now(UTC) + timedelta(hours=2)).replace(tzinfo=None)
    put_slice(bucket, today(), clean_pin(today(), ingested_at=later))

    assert list(failed(check(corner, instance, today()))) == ["no_date_is_in_the_future"]


def test_exploding_categories_fail_unless_the_week_before_had_as_many(
    corner: Settings, bucket: ObjectStore, instance: dg.DagsterInstance
) -> None:
    pins = [clean_pin(DAY, unique_id=f"{number}", category=f"{number}") for number in range(101)]
    put_slice(bucket, DAY, *pins)

    assert list(failed(check(corner, instance, DAY))) == ["categories_do_not_explode"]

    yesterday = DAY - timedelta(days=1)
    put_slice(bucket, yesterday, *pins[:50])
    assert failed(check(corner, instance, DAY)) == {}


def test_many_quarantined_records_are_a_warning(
    corner: Settings, bucket: ObjectStore, instance: dg.DagsterInstance
) -> None:
    put_slice(bucket, DAY, clean_pin(DAY), quarantined=1)

    [found] = [evaluation for evaluation in check(corner, instance, DAY) if not evaluation.passed]

    assert (found.check_name, found.severity) == ("few_records_are_quarantined", dg.AssetCheckSeverity.WARN)


def test_a_run_of_several_days_tells_which_day_is_broken(
    corner: Settings, bucket: ObjectStore, instance: dg.DagsterInstance
) -> None:
    next_day = DAY + timedelta(days=1)
    put_slice(bucket, DAY, clean_pin(DAY))
    put_slice(bucket, next_day, clean_pin(next_day, downloaded=2))

    evaluations = check(corner, instance, DAY, next_day)

    broken = [found.partition for found in evaluations if not found.passed]
    assert broken == [next_day.isoformat(), None]
