"""Arithmetic of offset ranges `[first, next)` within a partition."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

Range = tuple[int, int]


def joined(ranges: Iterable[Range]) -> list[Range]:
    """The same offsets as the fewest ranges, in order, without empty ones."""
    result: list[Range] = []
    for first, following in sorted(ranges):
        if first >= following:
            continue
        if result and first <= result[-1][1]:
            result[-1] = (result[-1][0], max(following, result[-1][1]))
        else:
            result.append((first, following))
    return result


def without(ranges: Iterable[Range], taken: Iterable[Range]) -> list[Range]:
    """The offsets of `ranges` that are not in `taken`, as ranges."""
    taken_in_order = joined(taken)
    return [left for whole in joined(ranges) for left in _remainder(whole, taken_in_order)]


def _remainder(whole: Range, taken: Iterable[Range]) -> Iterator[Range]:
    first, following = whole
    for taken_first, taken_following in taken:
        if taken_following <= first or taken_first >= following:
            continue
        if first < taken_first:
            yield first, taken_first
        first = taken_following
    if first < following:
        yield first, following
