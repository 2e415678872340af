"""Write times of slices in Cassandra, where the value with the higher write time wins.

The clock alone is not enough: if it was once ahead, a run with the right clock could not replace those rows. So the
table `slice_writes` remembers each slice's highest write time, and the next one is above it. It is set by
compare-and-set, so concurrent runs get different ones, and a later run the higher one.

Write times are microseconds since 1970.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pinterest_platform.stores.cassandra import execute_all

_LAST = "SELECT taken, written FROM slice_writes WHERE table_name = ? AND slice = ?"
_TAKE = "UPDATE slice_writes SET taken = ? WHERE table_name = ? AND slice = ? IF taken = ?"
_FINISH = "UPDATE slice_writes SET written = ? WHERE table_name = ? AND slice = ? IF written = ?"
# A slice without an entry was written by an earlier version, which took the clock's time repeatedly until its end.
_LENGTH_OF_A_RUN = 3600 * 1_000_000


@dataclass(frozen=True)
class Slice:
    """What is replaced as a whole: a day of `pinterest_batch`, or a period of `category_popularity`."""

    table: str
    name: str


def take_write_time(
    session: Any, slices: Sequence[Slice], newest_row: Callable[[Slice], int | None], clock: Callable[[], float]
) -> int:
    """One write time for all of these slices: the clock's, or one above all their rows if the clock is behind.

    Args:
        session: has its keyspace set.
        slices: about to be written.
        newest_row: the highest write time among a slice's rows; called for slices without an entry.
        clock: seconds since 1970.
    """
    while True:
        taken = {each: last.taken for each, last in _last(session, slices).items()}
        now = int(clock() * 1_000_000)
        lowest = (_above_rows(newest_row(each), now) if last is None else last + 1 for each, last in taken.items())
        write_time = max(now, *lowest)
        values = [(write_time, each.table, each.name, last) for each, last in taken.items()]
        if all(result.was_applied for result in execute_all(session, _TAKE, values)):
            return write_time


def finish_write(session: Any, slices: Sequence[Slice], write_time: int) -> dict[Slice, int]:
    """Record that all rows of this write time are written; returns each slice's highest completed write time.

    A higher one than `write_time` comes from a run that began later and finished sooner.
    """
    highest: dict[Slice, int] = {}
    while len(highest) < len(slices):
        written = {each: last.written for each, last in _last(session, slices).items() if each not in highest}
        highest |= {each: other for each, other in written.items() if other is not None and other >= write_time}
        own = [each for each in written if each not in highest]
        values = [(write_time, each.table, each.name, written[each]) for each in own]
        for each, result in zip(own, execute_all(session, _FINISH, values), strict=True):
            if result.was_applied:
                highest[each] = write_time
    return highest


@dataclass(frozen=True)
class _Last:
    taken: int | None = None
    written: int | None = None


def _last(session: Any, slices: Sequence[Slice]) -> Mapping[Slice, _Last]:
    found = execute_all(session, _LAST, [(each.table, each.name) for each in slices])
    rows = [result.one() for result in found]
    return {each: _Last(*row) if row else _Last() for each, row in zip(slices, rows, strict=True)}


def _above_rows(newest: int | None, now: int) -> int:
    return newest + _LENGTH_OF_A_RUN if newest is not None and newest > now else now
