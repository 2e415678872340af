"""Checks of `quarantined_pins`: how much of a day may be no pins. They warn; nothing stops for them."""

from datetime import date

import dagster as dg

from pinterest_platform.assets.clean_pins import QUARANTINED
from pinterest_platform.assets.slices import DAILY
from pinterest_platform.batch.slice_files import quarantine_files, read_account
from pinterest_platform.checks.verdict import verdict
from pinterest_platform.pins.plausibility import Finding, judge_quarantined
from pinterest_platform.settings import Settings
from pinterest_platform.stores.parquet import count_rows
from pinterest_platform.stores.s3 import open_bucket


@dg.asset_check(asset=QUARANTINED, partitions_def=DAILY)
def few_records_are_quarantined(
    context: dg.AssetCheckExecutionContext, settings: dg.ResourceParam[Settings]
) -> dg.AssetCheckResult:
    """Most of a day's records are pins. Else a producer is broken, or a rule of the cleaning."""
    return verdict(context, lambda day: quarantine_finding(settings, day), dg.AssetCheckSeverity.WARN)


def quarantine_finding(settings: Settings, day: date) -> Finding:
    """The share of the day's raw records that are quarantined."""
    bucket = open_bucket(settings)
    account = read_account(bucket, day)
    if account is None:
        return Finding(problem=f"The cleaning of {day} has not finished. Materialise clean_pins for it.")
    quarantined = count_rows(settings, quarantine_files(bucket, day))
    return judge_quarantined(quarantined, account.raw, settings.plausible_quarantined_share)
