"""Each saved query over real Cassandra and PostgreSQL, on data that can be counted by hand."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

from pinterest_platform.pins.calendar import Period
from pinterest_platform.serving.category_popularity import CategoryCounts, ranked, replace_period
from pinterest_platform.settings import Settings
from pinterest_platform.stores.cassandra import open_session
from pinterest_platform.stores.postgres import Connection
from pinterest_platform.stores.presto import ask
from pinterest_platform.stores.saved_queries import saved_queries
from pinterest_platform.stream.lease import take_over
from pinterest_platform.stream.sink import write_batch
from pinterest_platform_tests.integration.presto.batch_rows import put_batch
from pinterest_platform_tests.integration.presto.conftest import Saved
from pinterest_platform_tests.support.cleaned import NOON, cleaned, cleaned_row

A_DAY = timedelta(days=1)


def stream(settings: Settings, database: Connection, *lines: str) -> None:
    take_over(settings.model_copy(update={"kafka_topic": "pins"}), "the test")
    write_batch(database, "pins", "the test", lines)


def test_the_most_popular_category_of_a_year_a_month_and_a_day(layers: Settings, saved: Saved) -> None:
    counts = [CategoryCounts("art", 7, 5, 3), CategoryCounts("travel", 7, 6, 2), CategoryCounts("quotes", 1, 1, 1)]
    periods = {"year": "2026", "month": "2026-11", "day": "2026-11-16"}
    with open_session(layers) as session:
        session.set_keyspace(layers.cassandra_keyspace)
        for kind, period in periods.items():
            replace_period(session, Period(kind, period), ranked(counts), time.time_ns() // 1000)
            replace_period(session, Period(kind, "old"), ranked([CategoryCounts("old", 9, 9, 9)]), 1)

    for kind, period in periods.items():
        found = saved(f"most_popular_category_of_the_{kind}", **{kind: period})
        assert found == [("art", 7, 5, 3), ("travel", 7, 6, 2)], kind


def test_profiles_by_posts_and_by_followers(layers: Settings, database: Connection, saved: Saved) -> None:
    posts = [
        cleaned(0, poster_name="Ada", follower_count=5),
        cleaned(1, poster_name="Ada", follower_count=6),
        cleaned(2, poster_name="Bo", follower_count=1_000),
        cleaned(3, poster_name="Unknown", follower_count=None),
    ]
    stream(layers, database, *posts)

    by_posts, by_followers = saved("profiles_by_posts", rows="2"), saved("profiles_by_followers")

    at = "2026-11-16 12:00:00.000"
    assert by_posts == [("Ada", 2, 6, at), ("Bo", 1, 1_000, at)]
    assert by_followers == [("Bo", 1_000, 1, at), ("Ada", 6, 2, at)]


def test_the_growth_of_a_pins_followers_comes_from_both_layers(
    layers: Settings, database: Connection, saved: Saved
) -> None:
    def version(offset: int, days: int, followers: int | None, **changes: Any) -> dict[str, Any]:
        at = NOON + days * A_DAY + timedelta(seconds=offset)
        return cleaned_row(offset, at=at, unique_id="it's", follower_count=followers, **changes)

    put_batch(layers, [version(0, 0, 10), version(2, 1, 25), cleaned_row(9, unique_id="other")])
    counted = [version(1, 1, 20), version(2, 1, 25), version(3, 2, None), version(4, 3, 40)]
    stream(layers, database, *(cleaned(row["kafka_offset"], at=row["ingested_at"], **row) for row in counted))

    assert saved("growth_of_a_pins_followers", unique_id="it's") == [
        ("2026-11-16", "Ada", 10, None),
        ("2026-11-17", "Ada", 25, 15),
        ("2026-11-18", "Ada", None, None),
        ("2026-11-19", "Ada", 40, 15),
    ]


def test_the_quarantined_share_of_each_day(layers: Settings, database: Connection, saved: Saved) -> None:
    tomorrow = NOON + A_DAY
    records = [
        cleaned(0),
        cleaned(1, reason="no pin", original="[]"),
        cleaned(2, event_id="event-0-0"),
        cleaned(3),
        cleaned(4, at=tomorrow),
    ]
    stream(layers, database, *records)

    assert saved("quarantined_share") == [("2026-11-17", 1, 0, 0.0), ("2026-11-16", 4, 1, 0.25)]


def test_the_pins_of_a_category_and_day(layers: Settings, saved: Saved) -> None:
    pins = [
        cleaned_row(0, unique_id="few", follower_count=1),
        cleaned_row(1, unique_id="many", follower_count=2, title="A lamp"),
        cleaned_row(2, unique_id="elsewhere", category="travel"),
        cleaned_row(3, unique_id="later", at=NOON + A_DAY),
    ]
    put_batch(layers, pins)

    found = saved("pins_of_a_category", day="2026-11-16", category="art")

    at = "2026-11-16 12:00:00.000"
    assert found == [("many", "A lamp", "Ada", 2, at), ("few", None, "Ada", 1, at)]


def test_each_of_them_says_what_it_answers_and_runs_over_empty_stores(layers: Settings) -> None:
    values = {"unique_id": "a", "category": "art", "categories": ["art"]}
    for query in saved_queries(layers.saved_queries).values():
        given = {name: value for name, value in values.items() if name in query.parameters}
        assert query.answers.endswith((".", "?")), query.name
        assert ask(layers, query.filled(layers, given)).rows == [], query.name
