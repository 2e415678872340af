from __future__ import annotations

from pinterest_platform.serving.category_popularity import CategoryCounts, RankedCategory, ranked


def counts(category: str, posts: int) -> CategoryCounts:
    return CategoryCounts(category, posts, distinct_pins=posts, distinct_posters=1)


def places(categories: list[RankedCategory]) -> list[tuple[int, str]]:
    return [(place.rank, place.counts.category) for place in categories]


def test_the_category_with_most_posts_comes_first() -> None:
    assert places(ranked([counts("art", 3), counts("travel", 5)])) == [(1, "travel"), (2, "art")]


def test_equals_share_a_rank_and_stand_by_name() -> None:
    found = ranked([counts("travel", 3), counts("quotes", 1), counts("art", 3)])

    assert places(found) == [(1, "art"), (1, "travel"), (3, "quotes")]


def test_a_period_without_posts_has_no_ranking() -> None:
    assert ranked([]) == []
