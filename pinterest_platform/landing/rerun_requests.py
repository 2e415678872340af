"""Grown days: those that are asked for, until they have been landed, cleaned, served and accounted for.

Belongs here: the marks, objects at `grown/dt=YYYY-MM-DD/`. A landing leaves one for every day that it has met records
of, and a run one for each of its days when it begins; the run that has brought a day to its end takes away those that
its cleaning had listed. So whatever fails or is killed, the day stays asked for. Does not belong here: asking for the
days (`defs.landing.sensor`), and when a day is at its end (`defs.serving.assets`).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import date

from pinterest_platform.stores.s3 import ObjectStore

_PREFIX = "grown/dt="


def request_rerun(bucket: ObjectStore, day: date) -> None:
    """Ask for the day.

    To be called after records have been written and before the ledger says so. Each mark has a key of its own: a
    cleaning that began before takes away the marks that it listed, without having seen what was written.
    """
    bucket.put(f"{_PREFIX}{day}/{uuid.uuid4()}", b"", {})


def request_reruns(bucket: ObjectStore, days: Iterable[date]) -> None:
    """Ask for each of the days."""
    for day in sorted(days):
        request_rerun(bucket, day)


def rerun_requests_of(bucket: ObjectStore, day: date) -> list[str]:
    """The keys of the day's marks: to be listed before the raw slice is, and deleted when the day is at its end."""
    return [stored.key for stored in bucket.list(f"{_PREFIX}{day}/")]


def days_to_rerun(bucket: ObjectStore) -> list[date]:
    """The days that have marks, in order."""
    found = {stored.key[len(_PREFIX) :].partition("/")[0] for stored in bucket.list(_PREFIX)}
    return sorted(map(date.fromisoformat, found))
