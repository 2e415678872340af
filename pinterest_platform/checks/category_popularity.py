"""The check of `category_popularity`: that Cassandra has what the clean pins give when they are counted anew.

The day is always compared. Its month and its year are, where the run says so (`RECOUNT_PERIODS`): that reads three
columns of every clean day of the year, which a day's run shall not wait for.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import dagster as dg

from pinterest_platform.assets.category_popularity import category_popularity
from pinterest_platform.assets.slices import DAILY, RECOUNT_PERIODS
from pinterest_platform.batch.popularity import RankedCategory, most_popular, ranked
from pinterest_platform.batch.popularity_recount import COUNTED_COLUMNS, recount
from pinterest_platform.batch.slice_files import clean_files, clean_files_of_year, clean_prefix
from pinterest_platform.checks.verdict import verdict
from pinterest_platform.pins.periods import Period, periods_of
from pinterest_platform.pins.plausibility import Finding
from pinterest_platform.settings import Settings
from pinterest_platform.stores.cassandra import open_session
from pinterest_platform.stores.parquet import read_batches
from pinterest_platform.stores.s3 import ObjectStore, open_bucket

_EVERY_CATEGORY = 1_000_000
_NAMED = 3
_SHOWN_CHARACTERS = 40


@dg.asset_check(asset=category_popularity, partitions_def=DAILY)
def category_popularity_equals_a_recount(
    context: dg.AssetCheckExecutionContext, settings: dg.ResourceParam[Settings]
) -> dg.AssetCheckResult:
    """Posts, pins, posters and ranks of the day are what its clean pins give when they are counted by other code.

    In the job check_assets the day's month and year are compared, too.
    """
    with_periods = RECOUNT_PERIODS in context.run.tags
    bucket = open_bucket(settings)
    with open_session(settings) as session:
        session.set_keyspace(settings.cassandra_keyspace)

        def judge(day: date) -> Finding:
            periods = periods_of([day]) if with_periods else [Period("day", day.isoformat())]
            return popularity_finding(
                {
                    period: (most_popular(session, period, _EVERY_CATEGORY), recounted(settings, bucket, period, day))
                    for period in periods
                }
            )

        return verdict(context, judge)


def recounted(settings: Settings, bucket: ObjectStore, period: Period, day: date) -> list[RankedCategory]:
    """The ranking of the period that the day lies in, from clean Parquet."""
    of_day = period.kind == "day"
    files = clean_files(bucket, day) if of_day else _clean_files_of(bucket, period, day)
    return ranked(recount(read_batches(settings, files, COUNTED_COLUMNS), pins_repeat=not of_day))


def popularity_finding(
    rankings: Mapping[Period, tuple[Sequence[RankedCategory], Sequence[RankedCategory]]],
) -> Finding:
    """What differs between the stored ranking of each period and the recounted one."""
    facts, problems = {}, []
    for period, (stored, expected) in rankings.items():
        differences = differing(stored, expected)
        facts[f"different_in_the_{period.kind}"] = len(differences)
        if differences:
            named = "; ".join(_in_words(*places) for places in differences[:_NAMED])
            problems.append(f"Of {period.name}, {len(differences):,} categories differ: {named}.")
    if problems:
        problems.append("Materialise category_popularity of the day again: it counts the day, its month and its year.")
    return Finding(facts, " ".join(problems) or None)


def differing(
    stored: Sequence[RankedCategory], expected: Sequence[RankedCategory]
) -> list[tuple[RankedCategory | None, RankedCategory | None]]:
    """Each category whose place is not the expected one: what is stored, what is expected. Every stored row counts."""
    left = {place.counts.category: place for place in expected}
    differences: list[tuple[RankedCategory | None, RankedCategory | None]] = []
    for place in stored:
        other = left.pop(place.counts.category, None)
        if place != other:
            differences.append((place, other))
    return differences + [(None, place) for place in left.values()]


def _clean_files_of(bucket: ObjectStore, period: Period, day: date) -> list[str]:
    beginning = clean_prefix(day).replace(day.isoformat() + "/", period.name)
    return [key for key in clean_files_of_year(bucket, day.year) if key.startswith(beginning)]


def _in_words(stored: RankedCategory | None, expected: RankedCategory | None) -> str:
    category = next(place.counts.category for place in (stored, expected) if place)
    return f"{category[:_SHOWN_CHARACTERS]} has {_figures(stored)}, not {_figures(expected)}"


def _figures(place: RankedCategory | None) -> str:
    if place is None:
        return "nothing"
    counts: Any = place.counts
    return (
        f"rank {place.rank} with {counts.posts:,} posts, {counts.distinct_pins:,} pins, "
        f"{counts.distinct_posters:,} posters"
    )
