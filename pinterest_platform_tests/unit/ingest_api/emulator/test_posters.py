from __future__ import annotations

from random import Random

import pytest

from ingest_api.emulator.posters import make_posters, written_count


@pytest.mark.parametrize(
    ("followers", "text"),
    [
        (0, "0"),
        (437, "437"),
        (999, "999"),
        (1_000, "1k"),
        (1_499, "1.5k"),
        (9_949, "9.9k"),
        (9_951, "10k"),
        (51_400, "51k"),
        (999_499, "999k"),
        (999_500, "1M"),
        (2_000_000, "2M"),
        (12_345_678, "12.3M"),
    ],
)
def test_counts_are_written_as_profiles_show_them(followers: int, text: str) -> None:
    assert written_count(followers) == text


def test_posters_have_distinct_names_and_fall_in_popularity() -> None:
    posters = make_posters(Random(7))
    assert len({poster.name for poster in posters}) == len(posters) == 2_500
    weights = [poster.weight for poster in posters]
    assert weights == sorted(weights, reverse=True)
    assert sum(weights) == pytest.approx(1)
