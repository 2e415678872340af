"""Superseded records: raw versions of a pin of which the clean slice has a newer one.

Belongs here: finding them anew from raw lines and clean rows, in 32 bytes a candidate, so that a day of millions fits.
Does not belong here: where lines and rows come from (`batch.day_offsets`), and what the cleaning counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from pinterest_platform.batch.offset_sets import OffsetSet, offset_set

COLUMNS = ("unique_id", "ingested_at", "kafka_offset", "kafka_partition")
_BLOCK = 10_000
_OFFSET, _PARTITION = 1, 2
Version = tuple[str, int, int, int]


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


def older_versions(lines: Iterable[Mapping[str, Any]], batches: Iterable[Any]) -> OffsetSet:
    """Those of the raw lines whose pin stands in the clean rows in a newer version.

    Args:
        lines: raw lines, as `encode_record` wrote them.
        batches: clean rows as pyarrow batches with `COLUMNS`, each pin at most once.
    """
    parts = [_Versions.of(*zip(*block, strict=True)) for block in _blocks(_versions_in(lines))]
    if not parts:
        return OffsetSet({})
    candidates = _Versions.sorted(parts)
    found = np.zeros(len(candidates.hashes), dtype=bool)
    for batch in batches:
        found[_older_than(candidates, _versions_of(batch))] = True
    return offset_set([(candidates.orders[_PARTITION, found], candidates.orders[_OFFSET, found])])


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


def _blocks(versions: Iterator[Version]) -> Iterator[list[Version]]:
    while block := list(islice(versions, _BLOCK)):
        yield block
