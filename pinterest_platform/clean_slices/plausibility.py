"""Plausibility of a day of clean pins: rules over pyarrow batches, and a sentence for a day that breaks one.

Rules for single records are in `pins.cleaning`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow
from pyarrow import compute

from pinterest_platform.findings import Finding
from pinterest_platform.pins.calendar import AHEAD_MS

# A profile is followed by people, once each: https://population.un.org/wpp/ has 8.3 billion of them for 2026.
WORLD_POPULATION = 8_300_000_000
# Allowed difference between the clocks of producer and checker: as far ahead as landing takes a record. With a stricter
# check, one producer's clock would keep a whole day unserved.
CLOCK_TOLERANCE = timedelta(milliseconds=AHEAD_MS)
# A few new categories are normal; three times the most of any day of the week before is not.
CATEGORY_GROWTH = 3
_EXAMPLES = 5


def check_dates(batches: Iterable[Any], day: date, now: datetime) -> Finding:
    """No pin was ingested in the future or on another day. `batches` have `ingested_at` and `ingest_date`."""
    latest = (now + CLOCK_TOLERANCE).astimezone(UTC).replace(tzinfo=None)
    in_future = elsewhere = 0
    for batch in batches:
        limit = pyarrow.scalar(latest, batch.column("ingested_at").type)
        in_future += _count(compute.greater(batch.column("ingested_at"), limit))
        elsewhere += _count(compute.not_equal(batch.column("ingest_date"), pyarrow.scalar(day)))
    problems = [
        f"{in_future:,} pins were ingested later than now ({now:%Y-%m-%d %H:%M} UTC)" if in_future else "",
        f"{elsewhere:,} pins belong to another day" if elsewhere else "",
    ]
    return Finding({"in_the_future": in_future, "of_another_day": elsewhere}, _sentence(problems))


def check_followers(batches: Iterable[Any]) -> Finding:
    """No profile has more followers than there are people. `batches` have `unique_id` and `follower_count`."""
    too_many, largest = 0, 0
    examples: list[str] = []
    for batch in batches:
        counts = batch.column("follower_count")
        too_large = compute.fill_null(compute.greater(counts, WORLD_POPULATION), False)
        too_many += _count(too_large)
        largest = max(largest, compute.max(counts).as_py() or 0)
        examples += batch.column("unique_id").filter(too_large)[:_EXAMPLES].to_pylist()
    facts = {"too_many_followers": too_many, "largest_follower_count": largest}
    if not too_many:
        return Finding(facts)
    return Finding(
        facts | {"examples": ", ".join(examples[:_EXAMPLES])},
        f"{too_many:,} pins have a poster with more followers than there are people: up to {largest:,}.",
    )


def count_categories(batches: Iterable[Any]) -> int:
    """The number of distinct categories. `batches` have `category`."""
    names: set[str] = set()
    for batch in batches:
        names.update(batch.column("category").unique().to_pylist())
    return len(names)


def check_categories(categories: int, before: Mapping[date, int], plausible: int) -> Finding:
    """At most `plausible` categories, or at most `CATEGORY_GROWTH` times the most of any of the days `before`."""
    most = max(before.values(), default=0)
    limit = max(plausible, CATEGORY_GROWTH * most)
    facts = {"categories": categories, "limit": limit}
    if categories <= limit:
        return Finding(facts)
    return Finding(
        facts,
        f"There are {categories:,} categories, more than {limit:,}. Each is a Cassandra partition. Check whether a "
        "producer writes something else into category. If the number is right, raise PINTEREST_PLAUSIBLE_CATEGORIES.",
    )


def check_quarantined(quarantined: int, raw: int, plausible_share: float) -> Finding:
    """At most `plausible_share` (0 to 1) of the raw records are quarantined."""
    share = quarantined / raw if raw else 0.0
    facts = {"quarantined": quarantined, "raw": raw, "share": round(share, 6)}
    if share <= plausible_share:
        return Finding(facts)
    return Finding(
        facts,
        f"{share:.1%} of the records are not valid pins ({quarantined:,} of {raw:,}), more than {plausible_share:.1%}. "
        "The reasons are in the metadata of quarantined_pins.",
    )


def _count(mask: Any) -> int:
    return int(compute.sum(mask).as_py() or 0)


def _sentence(problems: list[str]) -> str | None:
    told = [problem for problem in problems if problem]
    return ", and ".join(told) + "." if told else None
