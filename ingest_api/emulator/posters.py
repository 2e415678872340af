"""The posters: invented profiles with their popularity and follower counts."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from random import Random

from ingest_api.emulator import words

POSTER_COUNT = 2_500
# Shares of posts by the size of their poster, as in a real table of 2,176 posted pins. The rest has no follower count.
PLAIN, THOUSANDS, MILLIONS = range(3)
SIZE_SHARES = {PLAIN: 375 / 2_176, THOUSANDS: 1_616 / 2_176, MILLIONS: 152 / 2_176}
_SMALLEST_AND_LARGEST = {PLAIN: (0, 900), THOUSANDS: (1_100, 900_000), MILLIONS: (1_100_000, 15_000_000)}


@dataclass(frozen=True, slots=True)
class Poster:
    """A profile. `weight` is its share of all pins, `followers` its follower count before the first post."""

    name: str
    weight: float
    followers: int


def make_posters(random: Random, count: int = POSTER_COUNT) -> list[Poster]:
    """Makes `count` posters with distinct names, the most popular first."""
    names = _all_names()
    random.shuffle(names)
    # Zipf's law with a flattened head: the first poster has about 1 % of all pins, not 10 %.
    weights = [1 / (rank + 20) for rank in range(count)]
    total = sum(weights)
    sizes = _sizes([weight / total for weight in weights])
    return [
        Poster(name, weight / total, _followers(random, size))
        for name, weight, size in zip(names, weights, sizes, strict=False)
    ]


def written_count(followers: int) -> str:
    """The count as profiles show it: 437, 1.5k, 51k, 2M, 12.3M."""
    if followers < 1_000:
        return str(followers)
    if followers < 999_500:
        return _shortened(followers / 1_000, "k", 1 if followers < 9_950 else 0)
    return _shortened(followers / 1_000_000, "M", 1)


def _shortened(value: float, unit: str, decimals: int) -> str:
    return f"{value:.{decimals}f}".removesuffix(".0") + unit


def _all_names() -> list[str]:
    people = [f"{first} {last}" for first, last in itertools.product(words.FIRST_NAMES, words.LAST_NAMES)]
    studios = [
        name.format(first=first, last=last)
        for first, last, name in itertools.product(
            words.STUDIO_FIRST_WORDS, words.STUDIO_LAST_WORDS, words.STUDIO_NAMES
        )
    ]
    return people + studios


def _sizes(weights: list[float]) -> list[int]:
    # With random sizes, a few popular posters would decide the shares. So each gets the size that is furthest behind.
    missing = dict(SIZE_SHARES)
    sizes = []
    for weight in weights:
        size = max(missing, key=lambda candidate: missing[candidate])
        missing[size] -= weight
        sizes.append(size)
    return sizes


def _followers(random: Random, size: int) -> int:
    smallest, largest = _SMALLEST_AND_LARGEST[size]
    # Uniform on a logarithmic scale: as many profiles have 2k to 20k followers as 20k to 200k.
    return round(math.exp(random.uniform(math.log(smallest + 1), math.log(largest + 1)))) - 1
