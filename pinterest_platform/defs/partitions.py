"""The daily partitions of every batch asset, and which days a run is for."""

from __future__ import annotations

from datetime import date

import dagster as dg

from pinterest_platform.settings import Settings

# `end_offset`: today is a partition too, and may be materialised repeatedly.
DAILY = dg.DailyPartitionsDefinition(start_date=Settings().first_day.isoformat(), timezone="UTC", end_offset=1)
# Up to a month per run, so that one Spark session serves many days and a failure costs one run only.
BACKFILL = dg.BackfillPolicy.multi_run(max_partitions_per_run=31)
OWNERS = ["team:data-platform"]
# Tag of runs in which the check of `category_popularity` also recounts the day's month and year.
RECOUNT_PERIODS = "pinterest/recount_periods"


def days_of(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> list[date]:
    """The days of this run, in order."""
    execution = context.op_execution_context if isinstance(context, dg.AssetCheckExecutionContext) else context
    return [date.fromisoformat(key) for key in execution.partition_keys]
