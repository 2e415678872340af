"""Sets of offsets behave like sets of pairs, and name what is missing."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pinterest_platform.reconciliation.offset_sets import OffsetSet, in_words, offset_set

PAIRS = st.sets(st.tuples(st.integers(0, 2), st.integers(0, 12)))


def offsets_of(pairs: set[tuple[int, int]]) -> OffsetSet:
    blocks = np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)
    return offset_set([(blocks[:, 0], blocks[:, 1])])


def pairs_of(offsets: OffsetSet) -> set[tuple[int, int]]:
    return {(number, int(offset)) for number, found in offsets.by_partition.items() for offset in found}


@given(PAIRS, PAIRS)
def test_they_behave_as_sets_of_pairs(left: set[tuple[int, int]], right: set[tuple[int, int]]) -> None:
    mine, others = offsets_of(left), offsets_of(right)

    assert pairs_of(mine - others) == left - right
    assert pairs_of(mine & others) == left & right
    assert pairs_of(mine | others) == left | right
    assert len(mine) == len(left)


@given(PAIRS, st.integers(0, 3), st.lists(st.integers(0, 13)))
def test_they_know_which_offsets_they_have(pairs: set[tuple[int, int]], partition: int, offsets: list[int]) -> None:
    has = offsets_of(pairs).has(partition, np.array(offsets, dtype=np.int64))

    assert has.tolist() == [(partition, offset) in pairs for offset in offsets]


@given(PAIRS)
def test_runs_are_the_same_offsets(pairs: set[tuple[int, int]]) -> None:
    runs = list(offsets_of(pairs).runs())

    assert {(number, offset) for number, first, following in runs for offset in range(first, following)} == pairs
    assert all((number, following) not in pairs for number, _, following in runs)


def test_below_keeps_nothing_of_a_partition_without_a_bound() -> None:
    assert pairs_of(offsets_of({(0, 1), (0, 2), (1, 1)}).below({0: 2})) == {(0, 1)}


def test_the_first_offsets_and_their_number_are_named() -> None:
    missing = offsets_of({(0, 7), (2, 9)} | {(1, offset) for offset in range(1_200)})

    assert in_words(missing) == "partition 0: 7; partition 1: 0, 1, 2, 3, 4 … 1,200 in all; partition 2: 9"
