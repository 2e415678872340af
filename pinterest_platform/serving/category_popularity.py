"""Category popularity: posts, pins, posters and rank of every category, per day, month and year, in Cassandra.

Nothing is incremented. Each period is recounted from all clean days in it, so days may run in any order and any number
of times.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from pinterest_platform.clean_slices.manifest import clean_files_of_year
from pinterest_platform.pins.calendar import DATE_PATTERNS, Period, periods_of
from pinterest_platform.serving.write_times import Slice, take_write_time
from pinterest_platform.settings import Settings
from pinterest_platform.stores.cassandra import open_session
from pinterest_platform.stores.s3 import ObjectStore
from pinterest_platform.stores.spark import s3a_url

TABLE = "category_popularity"
_COUNTED_SCHEMA = "unique_id string, category string, poster_name string, ingest_date date"
# A batch of one partition is applied as a whole. Cassandra's limit of 50 KiB is for batches over several partitions. A
# message may have 16 MiB (8 MiB with commit log segments of 16 MiB), and must be applied within two seconds.
_ROWS_A_BATCH = 10_000
_BYTES_A_BATCH = 4 * 1024 * 1024
_BYTES_OF_NUMBERS = 100  # of a row in the batch, without its category
_LONGEST_KEY = 65_535  # bytes; cleaning accepts far shorter ones (`pins.fields`)
_FORGET_OLDER = f"DELETE FROM {TABLE} USING TIMESTAMP ? WHERE period_kind = ? AND period = ?"  # noqa: S608
_ADD = f"""
    INSERT INTO {TABLE} (period_kind, period, rank, category, posts, distinct_pins, distinct_posters)
    VALUES (?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ?"""  # noqa: S608
_MOST_POPULAR = f"""
    SELECT rank, category, posts, distinct_pins, distinct_posters FROM {TABLE}
    WHERE period_kind = %s AND period = %s LIMIT %s"""  # noqa: S608
_NEWEST = f"SELECT max(writetime(posts)) FROM {TABLE} WHERE period_kind = %s AND period = %s"  # noqa: S608


@dataclass(frozen=True)
class CategoryCounts:
    """Counts of one category in a period.

    `posts` counts rows of clean pins: a pin counts once for each day it was posted. `distinct_pins` counts it once in
    the period. `distinct_posters` leaves out pins with an unknown poster.
    """

    category: str
    posts: int
    distinct_pins: int
    distinct_posters: int


@dataclass(frozen=True)
class RankedCategory:
    """A category with its rank. Equal numbers of posts share a rank, and the ranks after them are skipped."""

    rank: int
    counts: CategoryCounts


Popularity = dict[Period, list[RankedCategory]]


def replace_popularity(
    spark: SparkSession,
    bucket: ObjectStore,
    settings: Settings,
    days: Sequence[date],
    clock: Callable[[], float] = time.time,
) -> Popularity:
    """Recount the days, their months and their years, and replace them in Cassandra; returns the new rankings.

    The write time is taken before anything is read. So of two runs that count the same year, the one that began later
    wins. It has read at least what the other had.

    Args:
        spark: the session.
        bucket: has the clean slices.
        settings: of Cassandra.
        days: those whose periods are recounted.
        clock: seconds since 1970.

    Raises:
        CassandraUnavailableError: Cassandra is unavailable.
    """
    periods = periods_of(days)
    with open_session(settings) as session:
        session.set_keyspace(settings.cassandra_keyspace)
        slices = [slice_of(period) for period in periods]
        write_time = take_write_time(session, slices, lambda each: _newest_row(session, each), clock)
        counted = count_categories(read_clean_years(spark, bucket, days), periods)
        popularity = {period: ranked(counted.get(period, [])) for period in periods}
        for period, categories in popularity.items():
            replace_period(session, period, categories, write_time)
    return popularity


def slice_of(period: Period) -> Slice:
    return Slice(TABLE, f"{period.kind} {period.name}")


def _newest_row(session: Any, period: Slice) -> int | None:
    """The highest write time among the period's rows."""
    newest: int | None = session.execute(_NEWEST, period.name.split(" ")).one()[0]
    return newest


def most_popular(session: Any, period: Period, count: int = 1) -> list[RankedCategory]:
    """The first `count` categories of the period, from one partition. `session` has its keyspace set."""
    from cassandra.query import SimpleStatement

    # One page: between two pages the ranking might be replaced.
    question = SimpleStatement(_MOST_POPULAR, fetch_size=count + 1)
    rows = session.execute(question, [period.kind, period.name, count])
    return [
        RankedCategory(row.rank, CategoryCounts(row.category, row.posts, row.distinct_pins, row.distinct_posters))
        for row in rows
    ]


def ranked(categories: Iterable[CategoryCounts]) -> list[RankedCategory]:
    """The categories ordered by posts, most first, then by name."""
    ordered = sorted(categories, key=lambda counts: (-counts.posts, counts.category))
    places: list[RankedCategory] = []
    for position, counts in enumerate(ordered, start=1):
        is_tie = bool(places) and places[-1].counts.posts == counts.posts
        places.append(RankedCategory(places[-1].rank if is_tie else position, counts))
    return places


def read_clean_years(spark: SparkSession, bucket: ObjectStore, days: Iterable[date]) -> DataFrame:
    """The counted columns of all clean pins in the years of `days`."""
    years = sorted({day.year for day in days})
    files = [s3a_url(bucket, key) for year in years for key in clean_files_of_year(bucket, year)]
    if not files:
        return spark.createDataFrame([], _COUNTED_SCHEMA)
    return spark.read.schema(_COUNTED_SCHEMA).parquet(*files)


def count_categories(pins: DataFrame, periods: Sequence[Period]) -> dict[Period, list[CategoryCounts]]:
    """Count the pins (`_COUNTED_SCHEMA`) in these periods, all in one Spark job."""
    in_periods = pins.select(
        "category", "unique_id", "poster_name", F.explode(_periods_among(periods)).alias("in_period")
    )
    by_category = in_periods.groupBy("in_period.kind", "in_period.name", "category").agg(
        F.count("*").alias("posts"),
        F.count_distinct("unique_id").alias("distinct_pins"),
        F.count_distinct("poster_name").alias("distinct_posters"),
    )
    counted: dict[Period, list[CategoryCounts]] = {}
    for kind, name, *counts in by_category.collect():
        counted.setdefault(Period(kind, name), []).append(CategoryCounts(*counts))
    return counted


def replace_period(session: Any, period: Period, categories: Sequence[RankedCategory], write_time: int) -> None:
    """Replace the period's rows by these categories.

    The deletion and the rows are one batch of one partition, so a reader sees either the old or the new ranking. Only
    above some ten thousand categories do the last ranks follow in further batches. A category too long for a Cassandra
    key is left out.
    """
    from cassandra.query import BatchStatement, BatchType

    add, forget = session.prepare(_ADD), session.prepare(_FORGET_OLDER)
    batch = BatchStatement(BatchType.UNLOGGED)
    batch.add(forget, [write_time - 1, period.kind, period.name])
    for chunk in _chunks(categories):
        for place in chunk:
            counts = place.counts
            numbers = (counts.posts, counts.distinct_pins, counts.distinct_posters)
            batch.add(add, [period.kind, period.name, place.rank, counts.category, *numbers, write_time])
        session.execute(batch)
        batch = BatchStatement(BatchType.UNLOGGED)


def _chunks(categories: Iterable[RankedCategory]) -> Iterator[list[RankedCategory]]:
    """Chunks that fit into a batch; at least one, which may be empty."""
    chunk: list[RankedCategory] = []
    room = _BYTES_A_BATCH
    for place in categories:
        length = len(place.counts.category.encode())
        if length > _LONGEST_KEY:
            continue
        if len(chunk) == _ROWS_A_BATCH or length + _BYTES_OF_NUMBERS > room:
            yield chunk
            chunk, room = [], _BYTES_A_BATCH
        chunk.append(place)
        room -= length + _BYTES_OF_NUMBERS
    yield chunk


def _periods_among(periods: Sequence[Period]) -> Any:
    """Those of the periods that contain the row's `ingest_date`, as an array of structs."""
    candidates = []
    for kind, (_, pattern) in DATE_PATTERNS.items():
        name = F.date_format("ingest_date", pattern)
        names = [period.name for period in periods if period.kind == kind]
        candidates.append(F.when(name.isin(names), F.struct(F.lit(kind).alias("kind"), name.alias("name"))))
    return F.filter(F.array(*candidates), lambda period: period.isNotNull())
