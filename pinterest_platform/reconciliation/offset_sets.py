"""Sets of Kafka offsets by partition, as sorted arrays of 8 bytes per offset: a day of millions fits in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Offsets = npt.NDArray[np.int64]
_SHOWN = 5


@dataclass(frozen=True)
class OffsetSet:
    """Offsets by partition, sorted and distinct."""

    by_partition: Mapping[int, Offsets]

    def __len__(self) -> int:
        return sum(len(offsets) for offsets in self.by_partition.values())

    def __sub__(self, other: OffsetSet) -> OffsetSet:
        return self._with(other, lambda mine, others: np.setdiff1d(mine, others, assume_unique=True))

    def __and__(self, other: OffsetSet) -> OffsetSet:
        return self._with(other, lambda mine, others: np.intersect1d(mine, others, assume_unique=True))

    def __or__(self, other: OffsetSet) -> OffsetSet:
        return self._with(other, np.union1d)

    def below(self, bounds: Mapping[int, int]) -> OffsetSet:
        """The offsets below each partition's bound. A partition without a bound has none."""
        return OffsetSet(
            {number: offsets[offsets < bounds.get(number, 0)] for number, offsets in self.by_partition.items()}
        )

    def has(self, partition: int, offsets: Offsets) -> npt.NDArray[np.bool_]:
        """A mask of which of these offsets of the partition are in the set."""
        mine = self.by_partition.get(partition, np.empty(0, dtype=np.int64))
        positions = np.searchsorted(mine, offsets)
        within = positions < len(mine)
        within[within] = mine[positions[within]] == offsets[within]
        return within

    def runs(self) -> Iterator[tuple[int, int, int]]:
        """Runs without gaps: partition, first offset, offset after the last."""
        for number, offsets in self.by_partition.items():
            for run in np.split(offsets, np.flatnonzero(np.diff(offsets) != 1) + 1):
                if len(run):
                    yield number, int(run[0]), int(run[-1]) + 1

    def _with(self, other: OffsetSet, operation: Callable[[Offsets, Offsets], Offsets]) -> OffsetSet:
        none = np.empty(0, dtype=np.int64)
        numbers = sorted({*self.by_partition, *other.by_partition})
        return OffsetSet(
            {
                number: operation(self.by_partition.get(number, none), other.by_partition.get(number, none))
                for number in numbers
            }
        )


def offset_set(coordinates: Iterable[tuple[Offsets, Offsets]]) -> OffsetSet:
    """The set of these coordinates, given as blocks of partitions and offsets of equal length."""
    parts: dict[int, list[Offsets]] = {}
    for partitions, offsets in coordinates:
        for number in np.unique(partitions):
            parts.setdefault(int(number), []).append(offsets[partitions == number])
    return OffsetSet({number: np.unique(np.concatenate(found)) for number, found in sorted(parts.items())})


def in_words(offsets: OffsetSet) -> str:
    """The first offsets and their number, by partition."""
    return "; ".join(_partition_in_words(number, found) for number, found in offsets.by_partition.items() if len(found))


def _partition_in_words(number: int, offsets: Offsets) -> str:
    first = ", ".join(str(offset) for offset in offsets[:_SHOWN])
    more = f" … {len(offsets):,} in all" if len(offsets) > _SHOWN else ""
    return f"partition {number}: {first}{more}"
