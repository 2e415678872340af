"""Writing the event ids of days, by Spark, and asking for the days in which they make repeats of what was counted.

Belongs here: what a cleaning does with the events that it has read. Does not belong here: reading the slices
(`batch.event_ids`), and the rule (`pins.repeats`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from pinterest_platform.batch.days_write import write_days
from pinterest_platform.batch.event_ids import DayEvents, days_after, event_files, event_ids_prefix
from pinterest_platform.batch.grown_days import mark_grown
from pinterest_platform.batch.slice_files import read_account
from pinterest_platform.pins.days import REPEAT_DAYS
from pinterest_platform.pins.repeats import EVENT_COLUMNS, EVENT_SCHEMA
from pinterest_platform.stores.s3 import ObjectStore
from pinterest_platform.stores.spark import s3a_url

_OFFSETS_A_TASK = 1_000_000


def replace_event_ids(events: DataFrame, bucket: ObjectStore, days: Sequence[DayEvents]) -> None:
    """Write the event ids of those of the days whose raw objects have changed since they were written.

    Args:
        events: `mark_repeats` of the records of at least these.
        bucket: where the slices are.
        days: as they stood before their raw objects were read.
    """
    changed = {each.day: each for each in days if not each.is_fresh}
    if not changed:
        return
    rows = events.where(F.col("event").isNotNull() & F.col("ingest_date").isin([*changed]))
    large_parts = F.floor(F.col("kafka_offset") / _OFFSETS_A_TASK)
    files = write_days(rows.select(*EVENT_COLUMNS), bucket, event_ids_prefix, large_parts)
    for day, each in changed.items():
        each.publish(bucket, files.get(day, []))


def ask_for_days_after(events: DataFrame, bucket: ObjectStore, made_of: Mapping[date, str]) -> None:
    """Leave a mark for each day after these that was cleaned without their events, and has one of them again.

    So that days which are run in any order end alike. Where days are run in their order, there is nothing to look at.
    """
    after = [day for day in days_after(made_of) if _lacks(bucket, day, made_of)]
    files = event_files(bucket, after)
    if not files:
        return
    later = events.sparkSession.read.schema(EVENT_SCHEMA).parquet(*(s3a_url(bucket, key) for key in files))
    of_these = events.where(F.col("ingest_date").isin([*made_of])).select("event", "content")
    again = later.join(of_these, ["event", "content"], "left_semi").select("ingest_date").distinct()
    for (day,) in again.collect():
        mark_grown(bucket, day)


def _lacks(bucket: ObjectStore, day: date, made_of: Mapping[date, str]) -> bool:
    account = read_account(bucket, day)
    if account is None:
        return False
    near = {each: made for each, made in made_of.items() if 0 < (day - each).days <= REPEAT_DAYS}
    return any(made and account.events_before.get(str(each)) != made for each, made in near.items())
