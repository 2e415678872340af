"""Counts category popularity a second time, with pyarrow instead of Spark, to check `serving.category_popularity`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow
from pyarrow import compute

from pinterest_platform.serving.category_popularity import CategoryCounts

COUNTED_COLUMNS = ("category", "unique_id", "poster_name")
_PENDING_ROWS = 1_000_000


def recount(batches: Iterable[Any], pins_repeat: bool) -> list[CategoryCounts]:
    """Counts per category in these batches of `COUNTED_COLUMNS`, ordered by name.

    Args:
        batches: pyarrow record batches of clean pins.
        pins_repeat: whether a pin may occur twice, as in the days of a month. If not, pins are not remembered, and
            memory is a row per poster and category.
    """
    posters, pins = _Distinct("poster_name"), _Distinct("unique_id")
    for batch in batches:
        posters.add(batch)
        if pins_repeat:
            pins.add(batch)
    posts, distinct_posters = posters.rows(), posters.values()
    distinct_pins = pins.values() if pins_repeat else posts
    return [
        CategoryCounts(category, posts[category], distinct_pins[category], distinct_posters.get(category, 0))
        for category in sorted(posts)
    ]


class _Distinct:
    """The distinct values of a column per category, each with its number of rows."""

    def __init__(self, column: str) -> None:
        self._keys = ["category", column]
        self._parts: list[Any] = []
        self._limit = _PENDING_ROWS

    def add(self, batch: Any) -> None:
        table = pyarrow.Table.from_batches([batch]).select(self._keys)
        self._parts.append(table.append_column("rows", pyarrow.repeat(pyarrow.scalar(1, pyarrow.int64()), len(table))))
        if sum(len(part) for part in self._parts) > self._limit:
            self._limit = _PENDING_ROWS + 2 * len(self._merge())

    def rows(self) -> dict[str, int]:
        return _by_category(self._merge(), ("rows", "sum"))

    def values(self) -> dict[str, int]:
        """The number of distinct values per category. Null is no value."""
        merged = self._merge()
        return _by_category(merged.filter(compute.is_valid(merged[self._keys[1]])), ("rows", "count"))

    def _merge(self) -> Any:
        grouped = pyarrow.concat_tables(self._parts).group_by(self._keys).aggregate([("rows", "sum")])
        self._parts = [grouped.rename_columns([*self._keys, "rows"])]
        return self._parts[0]


def _by_category(table: Any, aggregation: Sequence[str]) -> dict[str, int]:
    grouped = table.group_by("category").aggregate([tuple(aggregation)])
    [name] = [name for name in grouped.column_names if name != "category"]
    return dict(zip(grouped["category"].to_pylist(), grouped[name].to_pylist(), strict=True))
