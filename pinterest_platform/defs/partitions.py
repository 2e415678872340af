"""The daily partitions that every batch asset shares, and what a run over several days needs.

Belongs here: the partitions, their backfill policy and how a run reads its days. Does not belong here: any asset.
"""

from __future__ import annotations

from datetime import date

import dagster as dg

from pinterest_platform.settings import Settings

# The day under way is a partition too: it may be materialised as often as one likes.
DAILY = dg.DailyPartitionsDefinition(start_date=Settings().first_day.isoformat(), timezone="UTC", end_offset=1)
# A month of days a run, so that one Spark session serves many; not all, so that a failure costs only its run.
BACKFILL = dg.BackfillPolicy.multi_run(max_partitions_per_run=31)
OWNERS = ["team:data-platform"]
# A tag of the runs whose check of `category_popularity` counts the day's month and year anew, too.
RECOUNT_PERIODS = "pinterest/recount_periods"


def days_of(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> list[date]:
    """The days that this run is for, in order."""
    execution = context.op_execution_context if isinstance(context, dg.AssetCheckExecutionContext) else context
    return [date.fromisoformat(key) for key in execution.partition_keys]
