"""The days that there are: from the first partition to today, both in UTC.

Belongs here: reading a day that a person wrote, and refusing days that do not exist before anything is started. Does
not belong here: what is done with a day.
"""

from __future__ import annotations

import re
from datetime import date

from infra.errors import StackError
from pinterest_platform.settings import Settings

_WRITTEN = re.compile(r"\d{4}-\d{2}-\d{2}")


def read_day(text: str) -> date:
    """The day, as a person writes it.

    Raises:
        StackError: it is empty, or no date.
    """
    if not text.strip():
        raise StackError("Which day? Write it as YYYY-MM-DD, such as 2026-11-16.")
    try:
        if _WRITTEN.fullmatch(text.strip()):
            return date.fromisoformat(text.strip())
    except ValueError as error:
        raise StackError(f"{text!r} is not a day of the calendar ({error}).") from error
    raise StackError(f"{text!r} is not a day: write YYYY-MM-DD, such as 2026-11-16.")


def demand_known_days(settings: Settings, first: date, last: date, today: date) -> None:
    """Do nothing where every day of `first` to `last` exists.

    Raises:
        StackError: they are in the wrong order, or one of them does not exist.
    """
    if last < first:
        raise StackError(f"{last} is before {first}: give the first day first.")
    if first < settings.first_day or last > today:
        asked = f"{first} is not one of them" if first == last else f"{first} to {last} is not within them"
        raise StackError(
            f"The first day is {settings.first_day} (PINTEREST_FIRST_DAY), the last one {today}, today in UTC; "
            f"{asked}. Nothing was started."
        )
