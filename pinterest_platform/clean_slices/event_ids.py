"""The event ids of each day: a small Parquet slice a day, by which repeats are found across midnight.

Belongs here: which files there are, what they were made of, and what they say of a day. A slice has `EVENT_COLUMNS` of
every accepted record of the day that was posted with an event id, the repeats too: it follows from the day's raw
objects alone, and is made anew whenever these are others. Does not belong here: the rule (`pins.repeats`), and making
the slices (`clean_slices.build`).

A note beside the files names them, as that of a clean slice does (`clean_slices.manifest`).
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from pinterest_platform.clean_slices.days_write import write_days
from pinterest_platform.clean_slices.manifest import (
    current_among,
    current_files,
    keys_below,
    read_manifest,
    read_newest_manifest,
    write_of,
)
from pinterest_platform.landing.raw_objects import day_prefix
from pinterest_platform.landing.rerun_requests import request_rerun
from pinterest_platform.pins.calendar import REPEAT_DAYS
from pinterest_platform.pins.repeats import EVENT_COLUMNS, EVENT_SCHEMA
from pinterest_platform.stores.s3 import ObjectStore
from pinterest_platform.stores.spark import s3a_url

_NO_FILES = "none"


@dataclass(frozen=True)
class DayEvents:
    """The event ids of a day as they stand, and what the raw objects say that they should be made of.

    `made_of` is empty where the day has no raw objects, and nothing is to be remembered.
    """

    day: date
    raw_keys: Sequence[str]
    made_of: str
    is_fresh: bool
    began: str
    found: Sequence[str]

    @classmethod
    def of(cls, bucket: ObjectStore, day: date) -> DayEvents:
        """Look at the day."""
        began, raw = f"{int(time.time() * 1_000_000):016}", list(bucket.list(day_prefix(day)))
        listed = "\n".join(f"{stored.key} {stored.size}" for stored in raw)
        made_of = hashlib.sha256(listed.encode()).hexdigest() if raw else ""
        found = list(keys_below(bucket, event_ids_prefix(day)))
        manifest = read_newest_manifest(bucket, found)
        is_fresh = not raw or (manifest is not None and manifest["made_of"] == made_of)
        return cls(day, [stored.key for stored in raw], made_of, is_fresh, began, found)

    @property
    def files(self) -> list[str]:
        """The keys of the Parquet files with the event ids as they stand."""
        return current_among(self.found)

    def publish(self, bucket: ObjectStore, files: Sequence[str]) -> None:
        """Make these files the day's event ids, and delete what was there before."""
        write = write_of(files[0]) if files else _NO_FILES
        key = f"{event_ids_prefix(self.day)}_{self.began}+{write}.json"
        bucket.put(key, json.dumps({"made_of": self.made_of}).encode(), {})
        bucket.delete(self.found)


def event_ids_prefix(day: date) -> str:
    """Where the day's event ids are."""
    return f"event_ids/dt={day:%Y-%m-%d}/"


def event_files(bucket: ObjectStore, days: Iterable[date]) -> list[str]:
    """The keys of the Parquet files with these days' event ids."""
    return [key for day in days for key in current_files(bucket, event_ids_prefix(day))]


def days_before(days: Iterable[date]) -> list[date]:
    """The days that are not among these, and whose events may come again in one of them."""
    return _others(days, range(-REPEAT_DAYS, 0))


def days_after(days: Iterable[date]) -> list[date]:
    """The days that are not among these, and in which an event of one of them may come again."""
    return _others(days, range(1, REPEAT_DAYS + 1))


def _others(days: Iterable[date], distances: Iterable[int]) -> list[date]:
    named = set(days)
    return sorted({day + timedelta(days=distance) for day in named for distance in distances} - named)


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
        request_rerun(bucket, day)


def _lacks(bucket: ObjectStore, day: date, made_of: Mapping[date, str]) -> bool:
    account = read_manifest(bucket, day)
    if account is None:
        return False
    near = {each: made for each, made in made_of.items() if 0 < (day - each).days <= REPEAT_DAYS}
    return any(made and account.events_before.get(str(each)) != made for each, made in near.items())
