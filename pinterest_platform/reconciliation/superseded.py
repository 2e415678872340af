"""Superseded records: raw versions of a pin of which the clean slice has a newer one.

A million candidates are compared at a time, so that memory is bounded for a day of any size.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from pinterest_platform.pins.order import ORDER
from pinterest_platform.reconciliation.offset_sets import Offsets, OffsetSet, offset_set

COLUMNS = ("unique_id", *ORDER)
_TOGETHER = 1_000_000  # candidates per read of the clean rows: 32 MB, and as much again to sort them
_OFFSET, _PARTITION = ORDER.index("kafka_offset"), ORDER.index("kafka_partition")


@dataclass(frozen=True)
class Versions:
    """Versions of pins, 32 bytes each.

    `hashes` are of the pins' ids, of shape (versions,). `orders` are the numbers of `ORDER`, of shape (3, versions).
    """

    hashes: npt.NDArray[np.uint64]
    orders: npt.NDArray[np.int64]

    @classmethod
    def of(cls, ids: Sequence[str], *orders: Sequence[int]) -> Versions:
        """The versions of these ids. `orders` are three sequences, each with one number per id, as in `ORDER`."""
        import pandas as pd

        hashes = pd.util.hash_array(np.array(ids, dtype=object), categorize=False)
        return cls(hashes, np.array(orders, dtype=np.int64).reshape(len(orders), len(ids)))

    @classmethod
    def joined(cls, parts: Sequence[Versions]) -> Versions:
        if not parts:
            return cls.of([], [], [], [])
        return cls(
            np.concatenate([part.hashes for part in parts]), np.concatenate([part.orders for part in parts], axis=1)
        )

    def sorted_parts(self, size: int) -> Iterator[Versions]:
        """Parts of at most `size` versions, each sorted by hash."""
        for first in range(0, len(self.hashes), size):
            hashes, orders = self.hashes[first : first + size], self.orders[:, first : first + size]
            by_hash = np.argsort(hashes)
            yield Versions(hashes[by_hash], orders[:, by_hash])


def versions_in(lines: Iterable[Mapping[str, Any]]) -> Versions:
    """The versions of pins among raw lines, as written by `encode_record`. Lines that are not pins are skipped."""
    found = list(_pins_in(lines))
    return Versions.of(*zip(*found, strict=True)) if found else Versions.joined([])


def older_versions(candidates: Versions, read_versions: Callable[[], Iterable[Versions]]) -> OffsetSet:
    """The candidates of which there is a newer version.

    Args:
        candidates: from raw lines.
        read_versions: yields blocks of other versions, as `versions_of` returns them. Called once per million
            candidates.
    """
    return offset_set(_older_among(part, read_versions()) for part in candidates.sorted_parts(_TOGETHER))


def _older_among(candidates: Versions, others: Iterable[Versions]) -> tuple[Offsets, Offsets]:
    found = np.zeros(len(candidates.hashes), dtype=bool)
    for block in others:
        found[_older_than(candidates, block)] = True
    return candidates.orders[_PARTITION, found], candidates.orders[_OFFSET, found]


def _older_than(candidates: Versions, newest: Versions) -> npt.NDArray[np.int64]:
    """The positions of candidates that are older versions of one of `newest`."""
    first = np.searchsorted(candidates.hashes, newest.hashes, side="left")
    counts = np.searchsorted(candidates.hashes, newest.hashes, side="right") - first
    rows = np.repeat(np.arange(len(counts)), counts)
    # The candidates of a row are adjacent: `counts` of them, from `first` on.
    positions = np.arange(len(rows)) + np.repeat(first - np.cumsum(counts) + counts, counts)
    older: npt.NDArray[np.int64] = positions[_is_newer(newest.orders[:, rows], candidates.orders[:, positions])]
    return older


def _is_newer(these: npt.NDArray[np.int64], those: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    newer = np.zeros(these.shape[1], dtype=bool)
    for this, that in zip(reversed(these), reversed(those), strict=True):
        newer = (this > that) | ((this == that) & newer)
    return newer


def _pins_in(lines: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, int, int, int]]:
    for line in lines:
        pin = _pin_in(line.get("value"))
        if pin is not None:
            yield pin, line["timestamp"], line["offset"], line["partition"]  # as ORDER has them


def _pin_in(value: str | None) -> str | None:
    """The pin's id in a record's value, if it is text. Cleaning accepts nothing else."""
    if value is None:
        return None
    try:
        pin = _members_of(value)["unique_id"]
    except (KeyError, TypeError, ValueError, RecursionError):
        return None
    return pin if isinstance(pin, str) else None


def _members_of(value: str) -> Any:
    try:
        return orjson.loads(value)
    except ValueError:
        # orjson refuses numbers that do not fit into a double; cleaning accepts them.
        return json.loads(value, parse_int=str, parse_float=str, parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def versions_of(batch: Any) -> Versions:
    """The versions in a pyarrow batch of clean rows with `COLUMNS`."""
    columns = {name: batch.column(name) for name in COLUMNS}
    columns["ingested_at"] = columns["ingested_at"].cast("timestamp[ms]", safe=False).cast("int64")
    return Versions.of(*(column.to_numpy(zero_copy_only=False) for column in columns.values()))
