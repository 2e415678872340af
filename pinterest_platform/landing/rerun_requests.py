"""Rerun requests: empty objects `grown/dt=YYYY-MM-DD/<uuid>` that ask for a day to be run again.

Landing puts one for every day with new records, and a run puts one for each of its days when it begins. The run that
completes a day deletes the requests that its cleaning had listed. So a day stays requested after any failure.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import date

from pinterest_platform.stores.s3 import ObjectStore

_PREFIX = "grown/dt="


def request_rerun(bucket: ObjectStore, day: date) -> None:
    """Request the day. Call it after records have been written and before the ledger is extended.

    Each request has a key of its own. So a cleaning that began earlier deletes only the requests it had listed, and not
    this one.
    """
    bucket.put(f"{_PREFIX}{day}/{uuid.uuid4()}", b"", {})


def request_reruns(bucket: ObjectStore, days: Iterable[date]) -> None:
    for day in sorted(days):
        request_rerun(bucket, day)


def rerun_requests_of(bucket: ObjectStore, day: date) -> list[str]:
    """The keys of the day's requests. List them before the raw objects; delete them when the day is done."""
    return [stored.key for stored in bucket.list(f"{_PREFIX}{day}/")]


def days_to_rerun(bucket: ObjectStore) -> list[date]:
    """The days that have rerun requests, in order."""
    found = {stored.key[len(_PREFIX) :].partition("/")[0] for stored in bucket.list(_PREFIX)}
    return sorted(map(date.fromisoformat, found))
