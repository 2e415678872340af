"""Calendar periods that popularity is counted over: a day, a month, a year.

Belongs here: which periods a day lies in, and how they are called. Does not belong here: what is counted in them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

# How `strftime` and Spark's `date_format` write the period that a date lies in.
DATE_PATTERNS = {"day": ("%Y-%m-%d", "yyyy-MM-dd"), "month": ("%Y-%m", "yyyy-MM"), "year": ("%Y", "yyyy")}


@dataclass(frozen=True, order=True)
class Period:
    """A `kind` ("day", "month" or "year") and a `name`: `2026-11-22`, `2026-11`, `2026`."""

    kind: str
    name: str


def periods_of(days: Iterable[date]) -> list[Period]:
    """Every period that one of the days lies in, each once, in order."""
    patterns = [(kind, pattern) for kind, (pattern, _) in DATE_PATTERNS.items()]
    return sorted({Period(kind, day.strftime(pattern)) for day in days for kind, pattern in patterns})
