"""Popularity over real S3 and Cassandra: equal to a recount in any order of days, and never seen half written."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from itertools import permutations
from random import Random
from typing import Any

import pytest
from pyspark.sql import SparkSession

from pinterest_platform.clean_slices.manifest import clean_prefix
from pinterest_platform.pins.calendar import Period, periods_of
from pinterest_platform.serving import category_popularity
from pinterest_platform.serving.category_popularity import (
    CategoryCounts,
    RankedCategory,
    most_popular,
    ranked,
    replace_period,
    replace_popularity,
)
from pinterest_platform.settings import Settings
from pinterest_platform.stores.cassandra import open_session
from pinterest_platform.stores.s3 import ObjectStore, open_bucket
from pinterest_platform_tests.support.clean_slices import clean_pin, put_slice

DAYS = [date(2026, 10, 31), date(2026, 11, 1), date(2026, 11, 2), date(2027, 1, 1)]
YEAR = Period("year", "2026")
Pin = tuple[str, str, str | None]  # unique_id, category, poster_name


@pytest.fixture
def place(corner: Settings, keyspace: Settings) -> Settings:
    return corner.model_copy(update={"cassandra_keyspace": keyspace.cassandra_keyspace})


@pytest.fixture
def bucket(place: Settings) -> ObjectStore:
    return open_bucket(place)


@pytest.fixture
def cassandra(place: Settings) -> Iterator[Any]:
    with open_session(place) as session:
        session.set_keyspace(place.cassandra_keyspace)
        yield session


def write(bucket: ObjectStore, day: date, pins: list[Pin]) -> None:
    rows = [
        clean_pin(day, unique_id=unique_id, category=category, poster_name=poster)
        for unique_id, category, poster in pins
    ]
    put_slice(bucket, day, *rows)


def some_pins(seed: int) -> list[Pin]:
    random = Random(seed)
    return [
        (f"pin {number}", random.choice(["art", "travel", "quotes"]), random.choice(["Ann", "Bo", "Cy", None]))
        for number in random.sample(range(60), 40)
    ]


def recount(pins: dict[date, list[Pin]], period: Period) -> list[RankedCategory]:
    posts: dict[str, list[Pin]] = defaultdict(list)
    for day, of_day in pins.items():
        for pin in of_day if period in periods_of([day]) else []:
            posts[pin[1]].append(pin)
    return ranked(
        CategoryCounts(
            category,
            len(of_category),
            len({pin[0] for pin in of_category}),
            len({pin[2] for pin in of_category if pin[2] is not None}),
        )
        for category, of_category in posts.items()
    )


def table(session: Any) -> dict[Period, list[RankedCategory]]:
    found = session.execute("SELECT DISTINCT period_kind, period FROM category_popularity")
    return {period: most_popular(session, period, 1_000) for period in (Period(*row) for row in found)}


def test_every_period_equals_a_recount_by_hand(
    spark: SparkSession, place: Settings, bucket: ObjectStore, cassandra: Any
) -> None:
    pins = {day: some_pins(seed) for seed, day in enumerate(DAYS)}
    for day, of_day in pins.items():
        write(bucket, day, of_day)

    replace_popularity(spark, bucket, place, DAYS)

    assert table(cassandra) == {period: recount(pins, period) for period in periods_of(DAYS)}


def test_days_in_any_order_end_in_the_same_table(
    spark: SparkSession, place: Settings, bucket: ObjectStore, cassandra: Any
) -> None:
    days = DAYS[1:3]
    pins = {day: some_pins(seed) for seed, day in enumerate(days)}
    for order in permutations(days):
        cassandra.execute("TRUNCATE category_popularity")
        for day in days:
            bucket.delete([stored.key for stored in bucket.list(clean_prefix(day))])
        for day in order:
            write(bucket, day, pins[day])
            replace_popularity(spark, bucket, place, [day])

        assert table(cassandra) == {period: recount(pins, period) for period in periods_of(days)}


def test_a_run_that_read_older_data_does_not_win_by_writing_last(
    spark: SparkSession, place: Settings, bucket: ObjectStore, cassandra: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    day, other = DAYS[1], DAYS[2]
    write(bucket, day, [("1", "art", "Ann")])
    count = category_popularity.count_categories

    def overtaken(*arguments: Any) -> Any:
        counted = count(*arguments)  # what the slow run knows
        monkeypatch.undo()
        write(bucket, other, [("2", "travel", "Bo"), ("3", "travel", "Bo")])
        replace_popularity(spark, bucket, place, [other])
        return counted

    monkeypatch.setattr(category_popularity, "count_categories", overtaken)
    replace_popularity(spark, bucket, place, [day])

    year = [(place.counts.category, place.counts.posts) for place in most_popular(cassandra, YEAR, 9)]
    assert year == [("travel", 2), ("art", 1)]


def test_a_day_that_lost_its_pins_loses_its_ranking(
    spark: SparkSession, place: Settings, bucket: ObjectStore, cassandra: Any
) -> None:
    write(bucket, DAYS[1], [("1", "art", "Ann")])
    replace_popularity(spark, bucket, place, [DAYS[1]])
    write(bucket, DAYS[1], [])

    replace_popularity(spark, bucket, place, [DAYS[1]])

    assert table(cassandra) == {}


def test_a_year_without_clean_days_is_empty(
    spark: SparkSession, place: Settings, bucket: ObjectStore, cassandra: Any
) -> None:
    replace_popularity(spark, bucket, place, [DAYS[0]])

    assert table(cassandra) == {}


def test_a_reader_sees_the_old_ranking_or_the_new_one(cassandra: Any) -> None:
    rankings = [ranked([CategoryCounts(name, posts, 1, 1) for posts, name in enumerate(names)]) for names in ORDERS]
    replace_period(cassandra, YEAR, rankings[0], 1)
    done, seen = threading.Event(), []

    def look() -> None:
        while not done.is_set():
            seen.append(most_popular(cassandra, YEAR, 100))

    reader = threading.Thread(target=look)
    reader.start()
    for number in range(300):
        replace_period(cassandra, YEAR, rankings[number % 2], number + 2)
    done.set()
    reader.join()

    assert len(seen) > 50
    assert all(ranking in rankings for ranking in seen)


@pytest.mark.parametrize("size", [150, 151, 1_000, 5_000])
def test_a_ranking_of_any_number_of_long_names_is_seen_whole(cassandra: Any, size: int) -> None:
    names = [f"{number:05} {'é' * 253}" for number in range(size)]  # 512 bytes each
    rankings = [
        ranked([CategoryCounts(name, posts, 1, 1) for posts, name in enumerate(order)])
        for order in (names, names[::-1][: size - 1])
    ]
    replace_period(cassandra, YEAR, rankings[0], 1)
    done, seen = threading.Event(), []

    def look() -> None:
        while not done.is_set():
            seen.append(rankings.index(most_popular(cassandra, YEAR, 2 * size)))

    with ThreadPoolExecutor(1) as reader:
        looking = reader.submit(look)
        for number in range(6):
            replace_period(cassandra, YEAR, rankings[number % 2], number + 2)
        done.set()
        looking.result()  # raises where a ranking was neither

    assert most_popular(cassandra, YEAR, 2 * size) == rankings[1]
    assert seen


def test_a_ranking_of_more_than_one_batch_is_written_to_its_end(cassandra: Any) -> None:
    many = ranked([CategoryCounts(f"category {number}", number, 1, 1) for number in range(10_500)])

    replace_period(cassandra, YEAR, many, 1)

    assert most_popular(cassandra, YEAR, 20_000) == many


def test_odd_names_are_ranked_as_they_are(cassandra: Any) -> None:
    names = [
        "",
        " ",
        "'; DROP TABLE pins; --",
        "a\x00b",
        "\n",
        "été",
        "e\u0301te\u0301",
        "🦉",
        "\u202eabc",
        "NULL",
        "%s",
    ]
    odd = ranked([CategoryCounts(name, posts, 1, 1) for posts, name in enumerate(names)])

    replace_period(cassandra, YEAR, odd, 1)

    assert most_popular(cassandra, YEAR, 100) == odd


def test_a_name_that_no_key_of_cassandra_holds_keeps_no_other_out(cassandra: Any) -> None:
    names = ["art", "x" * 70_000, "travel"]

    replace_period(cassandra, YEAR, ranked([CategoryCounts(name, 1, 1, 1) for name in names]), 1)

    assert [place.counts.category for place in most_popular(cassandra, YEAR, 9)] == ["art", "travel"]


@pytest.mark.parametrize("remembers", [True, False])
def test_a_period_that_a_clock_ahead_has_written_is_replaced_by_a_run_with_the_right_one(
    spark: SparkSession, place: Settings, bucket: ObjectStore, cassandra: Any, remembers: bool
) -> None:
    day = DAYS[1]
    write(bucket, day, [("1", "art", "Ann"), ("2", "travel", "Bo")])
    replace_popularity(spark, bucket, place, [day], clock=lambda: time.time() + 3 * 86_400)
    if not remembers:  # as an installation from before
        cassandra.execute("TRUNCATE slice_writes")
    pins: dict[date, list[Pin]] = {day: [("1", "travel", "Ann")]}
    write(bucket, day, pins[day])

    replace_popularity(spark, bucket, place, [day])

    assert table(cassandra) == {period: recount(pins, period) for period in periods_of([day])}


ORDERS = [[f"category {number}" for number in range(20)], [f"category {number}" for number in reversed(range(15))]]
