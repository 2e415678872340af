"""Grown days: those whose raw slice gained records that no run of their own has read, so that they are to be run again.

Belongs here: the marks, objects at `grown/dt=YYYY-MM-DD/`, which a landing of another day leaves and a cleaning of the
day takes away. Does not belong here: asking for the days (`automation.kafka_sensor`).
"""

from __future__ import annotations

import uuid
from datetime import date

from pinterest_platform.stores.s3 import ObjectStore

_PREFIX = "grown/dt="


def mark_grown(bucket: ObjectStore, day: date) -> None:
    """Ask for the day.

    To be called before a landing writes, which may be killed right after, and again after it has written. Each mark has
    a key of its own: a cleaning that began in between takes away the marks that it listed, without having seen what was
    written.
    """
    bucket.put(f"{_PREFIX}{day}/{uuid.uuid4()}", b"", {})


def marks_of(bucket: ObjectStore, day: date) -> list[str]:
    """The keys of the day's marks: to be listed before the raw slice is, and deleted when it has been cleaned."""
    return [stored.key for stored in bucket.list(f"{_PREFIX}{day}/")]


def grown_days(bucket: ObjectStore) -> list[date]:
    """The days that have marks, in order."""
    found = {stored.key[len(_PREFIX) :].partition("/")[0] for stored in bucket.list(_PREFIX)}
    return sorted(map(date.fromisoformat, found))
