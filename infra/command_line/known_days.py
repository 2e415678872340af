"""Reads days from the command line and refuses those that are no partition.

Partitions go from the first day to today, both in UTC.
"""

from __future__ import annotations

import re
from datetime import date

from infra.errors import StackError
from pinterest_platform.settings import Settings

_WRITTEN = re.compile(r"\d{4}-\d{2}-\d{2}")


def read_day(text: str) -> date:
    """Parses YYYY-MM-DD.

    Raises:
        StackError: the text is empty, or not a date.
    """
    if not text.strip():
        raise StackError("Which day? Write it as YYYY-MM-DD, for example 2026-11-16.")
    try:
        if _WRITTEN.fullmatch(text.strip()):
            return date.fromisoformat(text.strip())
    except ValueError as error:
        raise StackError(f"{text!r} is not a date ({error}).") from error
    raise StackError(f"{text!r} is not a day. Write it as YYYY-MM-DD, for example 2026-11-16.")


def demand_known_days(settings: Settings, first: date, last: date, today: date) -> None:
    """Checks that every day from `first` to `last` is a partition.

    Raises:
        StackError: `last` is before `first`, or one of the days is no partition.
    """
    if last < first:
        raise StackError(f"{last} is before {first}. Give the earlier day first.")
    if first < settings.first_day or last > today:
        asked = f"{first} is not one of them" if first == last else f"{first} to {last} is not within them"
        raise StackError(
            f"Days go from {settings.first_day} (PINTEREST_FIRST_DAY) to {today}, today in UTC; "
            f"{asked}. Nothing was started."
        )
