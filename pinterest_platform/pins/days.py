"""The UTC day that a record belongs to: the slice of every store.

Belongs here: the arithmetic between Kafka timestamps and days. Times are milliseconds since 1970-01-01 UTC, as Kafka
has them.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

MILLISECONDS_A_DAY = 86_400_000
_EPOCH = date(1970, 1, 1)


def day_of(timestamp_ms: int) -> date:
    """The UTC day in which the timestamp lies."""
    return _EPOCH + timedelta(days=timestamp_ms // MILLISECONDS_A_DAY)


def start_of(day: date) -> int:
    """The day's first millisecond."""
    return (day - _EPOCH).days * MILLISECONDS_A_DAY


def end_of(day: date) -> int:
    """The first millisecond after the day."""
    return start_of(day) + MILLISECONDS_A_DAY


def today() -> date:
    """The current UTC day."""
    return datetime.now(UTC).date()
