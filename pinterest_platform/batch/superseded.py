"""Superseded records: raw versions of a pin of which the clean slice has a newer one.

Belongs here: finding them anew from raw lines and clean rows, a million candidates at a time, so that a day of any
size fits. Does not belong here: where lines and rows come from (`batch.day_offsets`), and what the cleaning counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import orjson

from pinterest_platform.batch.offset_sets import Offsets, OffsetSet, offset_set

COLUMNS = ("unique_id", "ingested_at", "kafka_offset", "kafka_partition")
_BLOCK = 10_000
_BLOCKS_TOGETHER = 100  # the clean rows are read once for so many: 32 MB of candidates, and as much again to sort them
_OFFSET, _PARTITION = 1, 2
Version = tuple[str, int, int, int]
Item = TypeVar("Item")


@dataclass(frozen=True)
class _Versions:
    """Versions of pins. Equal ids have equal hashes; `orders` has time, offset and partition, in a row each."""

    hashes: npt.NDArray[np.uint64]
    orders: npt.NDArray[np.int64]

    @classmethod
    def of(cls, ids: Sequence[str], *orders: Sequence[int]) -> _Versions:
        import pandas as pd

        hashes = pd.util.hash_array(np.array(ids, dtype=object), categorize=False)
        return cls(hashes, np.array(orders, dtype=np.int64).reshape(len(orders), len(ids)))

    @classmethod
    def sorted(cls, parts: Sequence[_Versions]) -> _Versions:
        """All of them, in the order of their hashes."""
        hashes = np.concatenate([part.hashes for part in parts])
        by_hash = np.argsort(hashes)
        return cls(hashes[by_hash], np.concatenate([part.orders for part in parts], axis=1)[:, by_hash])


def older_versions(lines: Iterable[Mapping[str, Any]], read_rows: Callable[[], Iterable[Any]]) -> OffsetSet:
    """Those of the raw lines whose pin stands in the clean rows in a newer version.

    Args:
        lines: raw lines, as `encode_record` wrote them.
        read_rows: gives the clean rows as pyarrow batches with `COLUMNS`, each pin at most once; asked again for every
            million lines.
    """
    blocks = (_Versions.of(*zip(*block, strict=True)) for block in _blocks(_versions_in(lines), _BLOCK))
    return offset_set(
        _older_among(_Versions.sorted(together), read_rows()) for together in _blocks(blocks, _BLOCKS_TOGETHER)
    )


def _older_among(candidates: _Versions, batches: Iterable[Any]) -> tuple[Offsets, Offsets]:
    found = np.zeros(len(candidates.hashes), dtype=bool)
    for batch in batches:
        found[_older_than(candidates, _versions_of(batch))] = True
    return candidates.orders[_PARTITION, found], candidates.orders[_OFFSET, found]


def _older_than(candidates: _Versions, newest: _Versions) -> npt.NDArray[np.int64]:
    """The positions of candidates that one of `newest` is a newer version of."""
    first = np.searchsorted(candidates.hashes, newest.hashes, side="left")
    counts = np.searchsorted(candidates.hashes, newest.hashes, side="right") - first
    rows = np.repeat(np.arange(len(counts)), counts)
    # Each row's candidates stand side by side: from its first one on, as many as it has.
    positions = np.arange(len(rows)) + np.repeat(first - np.cumsum(counts) + counts, counts)
    older: npt.NDArray[np.int64] = positions[_is_newer(newest.orders[:, rows], candidates.orders[:, positions])]
    return older


def _is_newer(these: npt.NDArray[np.int64], those: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    (time, offset, partition), (other_time, other_offset, other_partition) = these, those
    later_offset = (offset > other_offset) | ((offset == other_offset) & (partition > other_partition))
    newer: npt.NDArray[np.bool_] = (time > other_time) | ((time == other_time) & later_offset)
    return newer


def _versions_in(lines: Iterable[Mapping[str, Any]]) -> Iterator[Version]:
    for line in lines:
        try:
            pin = orjson.loads(line["value"])["unique_id"]
        except (KeyError, TypeError, ValueError):
            continue
        if isinstance(pin, str):
            yield pin, line["timestamp"], line["offset"], line["partition"]


def _versions_of(batch: Any) -> _Versions:
    times = batch.column("ingested_at").cast("timestamp[ms]", safe=False).cast("int64")
    ids, offsets, partitions = (batch.column(name) for name in ("unique_id", "kafka_offset", "kafka_partition"))
    return _Versions.of(*(column.to_numpy(zero_copy_only=False) for column in (ids, times, offsets, partitions)))


def _blocks(items: Iterator[Item], size: int) -> Iterator[list[Item]]:
    while block := list(islice(items, size)):
        yield block
