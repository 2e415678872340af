from __future__ import annotations

from pinterest_platform.defs.serving.assets import bars
from pinterest_platform.serving.category_popularity import CategoryCounts, ranked


def test_bars_are_as_long_as_posts_are_many() -> None:
    chart = bars(ranked([CategoryCounts("art", 1_000, 900, 50), CategoryCounts("travel", 500, 500, 20)]))

    assert (chart.value or "").splitlines()[2:] == [
        f"| 1 | art | 1,000 | 900 | 50 | {'█' * 40} |",
        f"| 2 | travel | 500 | 500 | 20 | {'█' * 20} |",
    ]


def test_a_category_with_few_posts_is_still_seen() -> None:
    chart = bars(ranked([CategoryCounts("art", 100_000, 1, 1), CategoryCounts("travel", 1, 1, 1)]))

    assert (chart.value or "").endswith("| █ |")
