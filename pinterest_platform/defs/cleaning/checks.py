"""Checks of `clean_pins`, `quarantined_pins` and `misdated_records`.

Each reads only the columns it needs, without Spark. A blocking check that fails keeps the slice out of Cassandra.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg

from pinterest_platform.clean_slices.manifest import (
    clean_files,
    newest_manifest,
    quarantine_files,
    read_manifest,
    settled_requests,
)
from pinterest_platform.clean_slices.plausibility import (
    check_categories,
    check_dates,
    check_followers,
    check_quarantined,
    count_categories,
)
from pinterest_platform.clean_slices.read import read_clean_batches
from pinterest_platform.defs.asset_keys import CLEAN, QUARANTINED
from pinterest_platform.defs.check_results import check_result, conflicts_finding, result
from pinterest_platform.defs.cleaning.assets import misdated_records
from pinterest_platform.defs.partitions import DAILY
from pinterest_platform.defs.reconciliation import reconciliation_findings
from pinterest_platform.findings import Finding
from pinterest_platform.pins.calendar import MISDATED_DAY
from pinterest_platform.reconciliation.event_ids import conflicts
from pinterest_platform.settings import Settings
from pinterest_platform.stores.parquet import NoParquetError, count_rows
from pinterest_platform.stores.s3 import open_bucket

_DAYS_COMPARED = 7
_NAMED = 5


@dg.asset_check(asset=CLEAN, blocking=True, partitions_def=DAILY)
def clean_pins_match_their_schema(
    context: dg.AssetCheckExecutionContext, settings: dg.ResourceParam[Settings]
) -> dg.AssetCheckResult:
    """Every column has its type and stays in its range, required columns have no null, and no pin appears twice in a
    day.
    """
    return check_result(context, lambda day: schema_finding(settings, day))


@dg.asset_check(asset=CLEAN, blocking=True, partitions_def=DAILY)
def no_date_is_in_the_future(
    context: dg.AssetCheckExecutionContext, settings: dg.ResourceParam[Settings]
) -> dg.AssetCheckResult:
    """Every pin was ingested on the slice's day and not in the future. If this fails, check the producer's clock."""
    now = datetime.now(UTC)
    columns = ("ingested_at", "ingest_date")
    return check_result(context, lambda day: check_dates(_columns(settings, day, *columns)(), day, now))


@dg.asset_check(asset=CLEAN, partitions_def=DAILY)
def follower_counts_are_plausible(
    context: dg.AssetCheckExecutionContext, settings: dg.ResourceParam[Settings]
) -> dg.AssetCheckResult:
    """No poster has more followers than there are people in the world."""
    columns = ("unique_id", "follower_count")
    return check_result(context, lambda day: check_followers(_columns(settings, day, *columns)()))


@dg.asset_check(asset=CLEAN, blocking=True, partitions_def=DAILY)
def categories_do_not_explode(
    context: dg.AssetCheckExecutionContext, settings: dg.ResourceParam[Settings]
) -> dg.AssetCheckResult:
    """The day has about as many categories as the days before. Each category is a partition in Cassandra."""
    return check_result(context, lambda day: categories_finding(settings, day))


@dg.asset_check(asset=CLEAN, partitions_def=DAILY)
def event_ids_are_not_reused(
    context: dg.AssetCheckExecutionContext, settings: dg.ResourceParam[Settings]
) -> dg.AssetCheckResult:
    """No `event_id` of the day was used within seven days for another pin or other content. Records that do so are
    stored.
    """
    return check_result(context, lambda day: event_ids_finding(settings, day), dg.AssetCheckSeverity.WARN)


def event_ids_finding(settings: Settings, day: date) -> Finding:
    bucket = open_bucket(settings)
    if read_manifest(bucket, day) is None:
        return Finding(problem=f"{day} has no clean slice. Materialise clean_pins for it.")
    found = conflicts(settings, bucket, day)
    if found is None:
        return Finding({"compared": "no, the day was cleaned before event ids were remembered"})
    return conflicts_finding(len(found), ((*each.record, *each.other) for each in found[:_NAMED]))


def schema_finding(settings: Settings, day: date) -> Finding:
    """Violations of the Pandera schema, and pins that appear twice in the day."""
    from pinterest_platform.clean_slices.schema import repeated_ids, violations

    found = violations(_columns(settings, day)())
    if not any(
        rule.startswith(("unique_id:", "columns:")) for rule in found
    ):  # without a valid unique_id there is nothing to compare
        repeated = repeated_ids(_columns(settings, day, "unique_id"))
        found |= {"unique_id: stands more than once": repeated} if repeated else {}
    problem = f"{len(found)} rules are broken: {'; '.join(found)}." if found else None
    return Finding({rule: ", ".join(examples) for rule, examples in found.items()}, problem)


def categories_finding(settings: Settings, day: date) -> Finding:
    """Compares the number of categories with the week before, which is read only when the day has many."""
    categories, plausible = _count_categories(settings, day), settings.plausible_categories
    before: dict[date, int] = {}
    if categories > plausible:
        for earlier in (day - timedelta(days=number) for number in range(1, _DAYS_COMPARED + 1)):
            before |= _categories_if_any(settings, earlier)
    return check_categories(categories, before, plausible)


def _categories_if_any(settings: Settings, day: date) -> dict[date, int]:
    try:
        return {day: _count_categories(settings, day)}
    except NoParquetError:
        return {}


def _count_categories(settings: Settings, day: date) -> int:
    return count_categories(_columns(settings, day, "category")())


def _columns(settings: Settings, day: date, *columns: str) -> Callable[[], Iterator[Any]]:
    """A function that reads these columns of the day's clean pins, or all columns if none are given."""
    return lambda: read_clean_batches(settings, clean_files(open_bucket(settings), day), columns or None)


@dg.asset_check(asset=QUARANTINED, partitions_def=DAILY)
def few_records_are_quarantined(
    context: dg.AssetCheckExecutionContext, settings: dg.ResourceParam[Settings]
) -> dg.AssetCheckResult:
    """Few of the day's records are quarantined. If this fails, a producer or a cleaning rule is broken."""
    return check_result(context, lambda day: quarantine_finding(settings, day), dg.AssetCheckSeverity.WARN)


def quarantine_finding(settings: Settings, day: date) -> Finding:
    bucket = open_bucket(settings)
    cleaned = read_manifest(bucket, day)
    if cleaned is None:
        return Finding(problem=f"The cleaning of {day} has not finished. Materialise clean_pins for it.")
    quarantined = count_rows(settings, quarantine_files(bucket, day))
    return check_quarantined(quarantined, cleaned.raw, settings.plausible_quarantined_share)


@dg.asset_check(asset=misdated_records, blocking=True)
def every_misdated_record_is_accounted_for(settings: dg.ResourceParam[Settings]) -> dg.AssetCheckResult:
    """Every misdated record is in each store: Kafka = raw = quarantined, and Kafka = rejects of the stream.

    Only records that have landed are compared. When the check passes, it deletes the rerun requests that the cleaning
    had listed before it read.
    """
    bucket = open_bucket(settings)
    note = newest_manifest(bucket, MISDATED_DAY)
    finding = reconciliation_findings(settings, [MISDATED_DAY])[MISDATED_DAY]
    if note and finding.problem is None and newest_manifest(bucket, MISDATED_DAY) == note:
        bucket.delete(settled_requests(bucket, note))
    return result(finding)
