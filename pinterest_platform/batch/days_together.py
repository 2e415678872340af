"""Small days that share one piece of work, where that costs seconds whatever its size."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Day = TypeVar("Day")


def small_days_together(days: Iterable[Day], size: Callable[[Day], int], most: int) -> Iterator[list[Day]]:
    """The days in their order, as many at a time as have at most `most` together; a larger one is alone."""
    together: list[Day] = []
    reached = 0
    for day in days:
        of_day = size(day)
        if together and reached + of_day > most:
            yield together
            together, reached = [], 0
        together.append(day)
        reached += of_day
    if together:
        yield together
