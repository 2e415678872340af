"""Repeats and conflicts of a day, from the event ids of that day and the seven days before.

Spark is not used: the slices are small, and are read as columns of numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

from pinterest_platform.clean_slices.event_ids import days_before, event_files, event_ids_prefix
from pinterest_platform.clean_slices.manifest import (
    keys_below,
    read_newest_manifest,
)
from pinterest_platform.pins.order import ORDER
from pinterest_platform.reconciliation.offset_sets import OffsetSet, offset_set
from pinterest_platform.reconciliation.superseded import Versions, older_versions
from pinterest_platform.settings import Settings
from pinterest_platform.stores.parquet import read_batches
from pinterest_platform.stores.s3 import ObjectStore

Numbers = npt.NDArray[np.int64]
_NUMBERS = ("event", "content", *ORDER)


def repeated(settings: Settings, bucket: ObjectStore, day: date, among: OffsetSet) -> OffsetSet:
    """The day's records in `among` that repeat an earlier record of the day or of the seven days before."""
    own = [_within(rows, among) for rows in _rows(settings, event_files(bucket, [day]))]
    files = event_files(bucket, [*days_before([day]), day])
    # With times reversed, a repeat is an older version of the record it repeats.
    found = older_versions(
        Versions.joined([_backwards(rows) for rows in own]),
        lambda: (_backwards(rows) for rows in _rows(settings, files)),
    )
    return offset_set(
        (np.full(len(offsets), -partition), -offsets) for partition, offsets in found.by_partition.items()
    )


@dataclass(frozen=True)
class Conflict:
    """A record that reuses the event id of an earlier one with other content: (partition, offset) of both."""

    record: tuple[int, int]
    other: tuple[int, int]


def conflicts(settings: Settings, bucket: ObjectStore, day: date) -> list[Conflict] | None:
    """The day's records that reuse an event id of the day, or of the seven days before, with other content.

    Memory: the day's ids at eight bytes each, and the records of ids that occur more than once. None if the day has no
    event ids: it was last cleaned by a version that did not store them.
    """
    note = read_newest_manifest(bucket, list(keys_below(bucket, event_ids_prefix(day))))
    if note is None:
        return None
    own, before = event_files(bucket, [day]), event_files(bucket, days_before([day]))
    reused = _reused(settings, own, before)
    if not len(reused):
        return []
    earlier = _of_events(settings, before, reused)
    return list(_conflicts(sorted(earlier), sorted(_of_events(settings, own, reused))))


def _conflicts(earlier: list[tuple[int, ...]], own: list[tuple[int, ...]]) -> Iterator[Conflict]:
    """Conflicts among sorted rows of (time, offset, partition, event, content)."""
    first: dict[int, tuple[int, int]] = {}
    known: set[tuple[int, int]] = set()
    for number, (_, offset, partition, event, content) in enumerate([*earlier, *own]):
        is_repeat, other = (event, content) in known, first.setdefault(event, (partition, offset))
        if number >= len(earlier) and not is_repeat and other != (partition, offset):
            yield Conflict((partition, offset), other)
        known.add((event, content))


def _reused(settings: Settings, own: Sequence[str], before: Sequence[str]) -> Numbers:
    """The day's events that occur more than once."""
    none: Numbers = np.empty(0, dtype=np.int64)
    events = np.sort(np.concatenate([none, *(rows[0] for rows in _rows(settings, own, ("event",)))]))
    twice = [events[1:][events[1:] == events[:-1]]]
    twice += [rows[0][_is_in(events, rows[0])] for rows in _rows(settings, before, ("event",))]
    return np.unique(np.concatenate([none, *twice]))


def _of_events(settings: Settings, files: Sequence[str], events: Numbers) -> list[tuple[int, ...]]:
    found = [rows[:, _is_in(events, rows[0])] for rows in _rows(settings, files)]
    return [tuple(row) for rows in found for row in rows[[2, 3, 4, 0, 1]].T.tolist()]


def _is_in(ordered: Numbers, values: Numbers) -> npt.NDArray[np.bool_]:
    positions = np.searchsorted(ordered, values)
    within = positions < len(ordered)
    within[within] = ordered[positions[within]] == values[within]
    return within


def _rows(settings: Settings, files: Sequence[str], columns: Sequence[str] = _NUMBERS) -> Iterator[Numbers]:
    """Blocks of these columns as numbers, of shape (columns, rows). Times are in milliseconds."""
    for batch in read_batches(settings, files, columns) if files else ():
        yield np.array([_numbers(batch.column(name)) for name in columns], dtype=np.int64).reshape(len(columns), -1)


def _numbers(column: Any) -> Any:
    import pyarrow

    if pyarrow.types.is_timestamp(column.type):
        column = column.cast("timestamp[ms]", safe=False).cast("int64")
    return column.to_numpy(zero_copy_only=False)


def _within(rows: Numbers, among: OffsetSet) -> Numbers:
    _, _, _, offsets, partitions = rows
    chosen = np.zeros(len(offsets), dtype=bool)
    for partition in np.unique(partitions):
        of_partition = partitions == partition
        chosen[of_partition] = among.has(int(partition), offsets[of_partition])
    return rows[:, chosen]


def _backwards(rows: Numbers) -> Versions:
    """The rows as versions of an event with its content, in reversed order: later rows become older versions."""
    events, contents = rows[0].view(np.uint64), rows[1].view(np.uint64)
    return Versions(events ^ (contents * np.uint64(0x9E3779B97F4A7C15)), -rows[2:])
