"""The UTC day that a record belongs to, when a day is closed, and which timestamps are plausible.

Times are milliseconds since 1970-01-01 UTC, as Kafka has them.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

MILLISECONDS_AN_HOUR = 3_600_000
MILLISECONDS_A_DAY = 24 * MILLISECONDS_AN_HOUR
# A producer's clock may be this far ahead of ours.
AHEAD_MS = MILLISECONDS_AN_HOUR
# Records of a day may stand this long behind its end in the topic: producers' clocks and retries. Then it is closed.
LATENESS_MS = MILLISECONDS_AN_HOUR
# Where both layers keep records whose timestamp is not plausible: a day that no record can belong to.
MISDATED_DAY = date(1970, 1, 1)
BEFORE_FIRST_DAY = "its timestamp is before the first day"
AHEAD_OF_NOW = "its timestamp is more than an hour ahead"
# An event posted again within this many days is a repeat.
REPEAT_DAYS = 7
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class PlausibleTimes:
    """The timestamps a record may have: from the start of the first day to an hour from now, both included."""

    first: int
    last: int

    @classmethod
    def until(cls, now_ms: int, first_day: date) -> PlausibleTimes:
        """Plausible timestamps for a record that is read at `now_ms`."""
        return cls(start_of(first_day), now_ms + AHEAD_MS)

    @classmethod
    def now(cls, first_day: date) -> PlausibleTimes:
        """Plausible timestamps for a record that is read now."""
        return cls.until(now_ms(), first_day)

    def slice_of(self, timestamp_ms: int) -> date:
        """The day that a record is stored under: its own, or `MISDATED_DAY` if its timestamp is not plausible."""
        return day_of(timestamp_ms) if self.first <= timestamp_ms <= self.last else MISDATED_DAY


def day_of(timestamp_ms: int) -> date:
    """The UTC day of the timestamp."""
    return _EPOCH + timedelta(days=timestamp_ms // MILLISECONDS_A_DAY)


def start_of(day: date) -> int:
    """The first millisecond of the day."""
    return (day - _EPOCH).days * MILLISECONDS_A_DAY


def end_of(day: date) -> int:
    """The first millisecond after the day."""
    return start_of(day) + MILLISECONDS_A_DAY


def is_closed(day: date, now: datetime) -> bool:
    """Whether the day and the hour for late records are over."""
    return milliseconds_of(now) >= end_of(day) + LATENESS_MS


def now_ms() -> int:
    """The current time."""
    return time.time_ns() // 1_000_000


def milliseconds_of(moment: datetime) -> int:
    """An aware time, as Kafka has it."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def today() -> date:
    return datetime.now(UTC).date()


# A period's name, as patterns of `strftime` and of Spark's `date_format`.
DATE_PATTERNS = {"day": ("%Y-%m-%d", "yyyy-MM-dd"), "month": ("%Y-%m", "yyyy-MM"), "year": ("%Y", "yyyy")}


@dataclass(frozen=True, order=True)
class Period:
    """A `kind` ("day", "month" or "year") and a `name`: `2026-11-22`, `2026-11` or `2026`."""

    kind: str
    name: str


def periods_of(days: Iterable[date]) -> list[Period]:
    """Every period that contains one of the days, each once, sorted."""
    patterns = [(kind, pattern) for kind, (pattern, _) in DATE_PATTERNS.items()]
    return sorted({Period(kind, day.strftime(pattern)) for day in days for kind, pattern in patterns})
