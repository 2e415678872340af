"""Event ids of each day as a small Parquet slice, so that repeats are found across midnight.

A slice has the `EVENT_COLUMNS` of every accepted record that was posted with an event id, including repeats. It depends
on the day's raw objects alone and is rebuilt when they change. A manifest beside the files says which of them count, as
for a clean slice. The rule for repeats is in `pins.repeats`.
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
from pinterest_platform.pins.cleaning import RULES_VERSION
from pinterest_platform.pins.repeats import EVENT_COLUMNS, EVENT_SCHEMA
from pinterest_platform.stores.s3 import ObjectStore
from pinterest_platform.stores.spark import s3a_url

_NO_FILES = "none"
# Part of each digest, so that a change of the rules makes stored event ids stale. Empty for the first rules, whose
# digests are in existing buckets.
_RULES = "" if RULES_VERSION == 1 else f"\nrules {RULES_VERSION}"
_OFFSETS_A_TASK = 1_000_000


@dataclass(frozen=True)
class DayEvents:
    """The stored event ids of a day, and whether they still match the day's raw objects.

    `made_of` is a digest of the raw objects, empty if there are none. `began` is when the day was listed, in
    microseconds since 1970. `found` are the keys of its event-id slice.
    """

    day: date
    raw_keys: Sequence[str]
    made_of: str
    is_fresh: bool
    began: str
    found: Sequence[str]

    @classmethod
    def of(cls, bucket: ObjectStore, day: date) -> DayEvents:
        """Read the state of the day."""
        began, raw = f"{int(time.time() * 1_000_000):016}", list(bucket.list(day_prefix(day)))
        listed = "\n".join(f"{stored.key} {stored.size}" for stored in raw)
        made_of = hashlib.sha256(f"{listed}{_RULES}".encode()).hexdigest() if raw else ""
        found = list(keys_below(bucket, event_ids_prefix(day)))
        manifest = read_newest_manifest(bucket, found)
        is_fresh = not raw or (manifest is not None and manifest["made_of"] == made_of)
        return cls(day, [stored.key for stored in raw], made_of, is_fresh, began, found)

    @property
    def files(self) -> list[str]:
        """The keys of the current Parquet files with event ids."""
        return current_among(self.found)

    def publish(self, bucket: ObjectStore, files: Sequence[str]) -> None:
        """Make these files the day's event ids, and delete the previous ones."""
        write = write_of(files[0]) if files else _NO_FILES
        key = f"{event_ids_prefix(self.day)}_{self.began}+{write}.json"
        bucket.put(key, json.dumps({"made_of": self.made_of}).encode(), {})
        bucket.delete(self.found)


def event_ids_prefix(day: date) -> str:
    return f"event_ids/dt={day:%Y-%m-%d}/"


def event_files(bucket: ObjectStore, days: Iterable[date]) -> list[str]:
    """The keys of the current Parquet files with these days' event ids."""
    return [key for day in days for key in current_files(bucket, event_ids_prefix(day))]


def days_before(days: Iterable[date]) -> list[date]:
    """The days before these, without these, whose events may be repeated in one of them."""
    return _others(days, range(-REPEAT_DAYS, 0))


def days_after(days: Iterable[date]) -> list[date]:
    """The days after these, without these, that may repeat an event of one of them."""
    return _others(days, range(1, REPEAT_DAYS + 1))


def _others(days: Iterable[date], distances: Iterable[int]) -> list[date]:
    named = set(days)
    return sorted({day + timedelta(days=distance) for day in named for distance in distances} - named)


def replace_event_ids(events: DataFrame, bucket: ObjectStore, days: Sequence[DayEvents]) -> None:
    """Write the event ids of the days whose raw objects have changed since the last time.

    Args:
        events: the result of `mark_repeats`, with the records of at least these days.
        bucket: has the slices.
        days: their state before the raw objects were read.
    """
    changed = {each.day: each for each in days if not each.is_fresh}
    if not changed:
        return
    rows = events.where(F.col("event").isNotNull() & F.col("ingest_date").isin([*changed]))
    large_parts = F.floor(F.col("kafka_offset") / _OFFSETS_A_TASK)
    files = write_days(rows.select(*EVENT_COLUMNS), bucket, event_ids_prefix, large_parts)
    for day, each in changed.items():
        each.publish(bucket, files.get(day, []))


def request_days_after(events: DataFrame, bucket: ObjectStore, made_of: Mapping[date, str]) -> None:
    """Request a rerun of each later day that repeats an event of these days and was cleaned without knowing it.

    So the result does not depend on the order in which days run. If they run in order, nothing has to be compared.
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
    cleaned = read_manifest(bucket, day)
    if cleaned is None:
        return False
    near = {each: made for each, made in made_of.items() if 0 < (day - each).days <= REPEAT_DAYS}
    return any(made and cleaned.events_before.get(str(each)) != made for each, made in near.items())
