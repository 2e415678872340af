"""Checks of `pinterest_batch` and `category_popularity`: reconciliation, equal layers, refused rows, and a recount."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import dagster as dg

from pinterest_platform.clean_slices.manifest import clean_files, clean_files_of_year, clean_prefix
from pinterest_platform.clean_slices.read import read_clean_batches
from pinterest_platform.defs.check_results import check_result, check_results
from pinterest_platform.defs.partitions import DAILY, RECOUNT_PERIODS
from pinterest_platform.defs.reconciliation import layers_findings, reconciliation_findings, rows_findings
from pinterest_platform.defs.rerun_requests import RECONCILIATION_CHECK
from pinterest_platform.defs.serving.assets import category_popularity, pinterest_batch
from pinterest_platform.findings import Finding
from pinterest_platform.pins.calendar import Period, periods_of
from pinterest_platform.serving.category_popularity import RankedCategory, most_popular, ranked
from pinterest_platform.serving.pin_rows import RefusedPin
from pinterest_platform.serving.pinterest_batch import rejects_of
from pinterest_platform.serving.popularity_recount import COUNTED_COLUMNS, recount
from pinterest_platform.settings import Settings
from pinterest_platform.stores.cassandra import open_session
from pinterest_platform.stores.s3 import ObjectStore, open_bucket

_EVERY_CATEGORY = 1_000_000
_NAMED_CATEGORIES, _NAMED_PINS = 3, 5
_SHOWN_CHARACTERS = 40
_RECONCILED = dg.AssetCheckSpec(
    RECONCILIATION_CHECK,
    asset=pinterest_batch,
    blocking=True,
    partitions_def=DAILY,
    description="Every Kafka record of the day is in every store, or listed with a reason. Kafka = raw = clean + "
    "quarantined + superseded + repeated; clean = Cassandra + refused; Kafka = stream + rejects + duplicates. Each "
    "store is read anew and compared offset by offset. A failure names store, partition, first offsets and count.",
)
_LAYERS = dg.AssetCheckSpec(
    "both_layers_answer_the_same",
    asset=pinterest_batch,
    partitions_def=DAILY,
    description="Batch and stream have the same pins of a closed day, as SQL users see them. Presto compares the two.",
)
_ROWS = dg.AssetCheckSpec(
    "the_stream_has_the_same_rows",
    asset=pinterest_batch,
    partitions_def=DAILY,
    description="`pinterest_stream` has exactly the clean rows of a closed day, with the same values.",
)
_REFUSED = dg.AssetCheckSpec(
    "cassandra_took_every_row",
    asset=pinterest_batch,
    partitions_def=DAILY,
    description="Cassandra accepted every clean pin of the day. A failure names the refused pins, with Cassandra's "
    "error. They are in `pinterest_batch_rejects`; the rest of the day is served.",
)


@dg.multi_asset_check(specs=[_RECONCILED, _LAYERS, _ROWS, _REFUSED], can_subset=True)
def pinterest_batch_is_whole(
    context: dg.AssetCheckExecutionContext, settings: dg.ResourceParam[Settings]
) -> Iterator[dg.AssetCheckResult]:
    """One step runs these checks concurrently: each waits for another server."""
    now = datetime.now(UTC)
    yield from check_results(
        context,
        {
            _RECONCILED.name: lambda days: reconciliation_findings(settings, days),
            _LAYERS.name: lambda days: layers_findings(settings, days, now),
            _ROWS.name: lambda days: rows_findings(settings, days, now),
            _REFUSED.name: lambda days: refused_findings(settings, days),
        },
    )


@dg.asset_check(asset=category_popularity, partitions_def=DAILY)
def category_popularity_equals_a_recount(
    context: dg.AssetCheckExecutionContext, settings: dg.ResourceParam[Settings]
) -> dg.AssetCheckResult:
    """Posts, pins, posters and ranks of the day equal a recount of its clean pins by other code.

    In the job `check_assets` the day's month and year are compared too.
    """
    with_periods = RECOUNT_PERIODS in context.run.tags
    bucket = open_bucket(settings)
    with open_session(settings) as session:
        session.set_keyspace(settings.cassandra_keyspace)

        def find(day: date) -> Finding:
            periods = periods_of([day]) if with_periods else [Period("day", day.isoformat())]
            return popularity_finding(
                {
                    period: (most_popular(session, period, _EVERY_CATEGORY), recounted(settings, bucket, period, day))
                    for period in periods
                }
            )

        return check_result(context, find)


def recounted(settings: Settings, bucket: ObjectStore, period: Period, day: date) -> list[RankedCategory]:
    """The ranking of this period, counted from clean Parquet.

    Args:
        settings: of S3.
        bucket: has the clean slices.
        period: of the ranking.
        day: a day in the period.
    """
    of_day = period.kind == "day"
    files = clean_files(bucket, day) if of_day else _clean_files_of(bucket, period, day)
    return ranked(recount(read_clean_batches(settings, files, COUNTED_COLUMNS), pins_repeat=not of_day))


def popularity_finding(
    rankings: Mapping[Period, tuple[Sequence[RankedCategory], Sequence[RankedCategory]]],
) -> Finding:
    """Compares the stored ranking of each period (first) with the recounted one (second)."""
    facts, problems = {}, []
    for period, (stored, expected) in rankings.items():
        differences = differing(stored, expected)
        facts[f"different_in_the_{period.kind}"] = len(differences)
        if differences:
            named = "; ".join(_in_words(*places) for places in differences[:_NAMED_CATEGORIES])
            problems.append(f"In {period.name}, {len(differences):,} categories differ: {named}.")
    if problems:
        problems.append("Materialise category_popularity of the day again: it recounts the day, its month and year.")
    return Finding(facts, " ".join(problems) or None)


def differing(
    stored: Sequence[RankedCategory], expected: Sequence[RankedCategory]
) -> list[tuple[RankedCategory | None, RankedCategory | None]]:
    """Pairs of (stored, expected) that differ. None stands for a missing side; a category stored twice differs."""
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


def refused_findings(settings: Settings, days: Sequence[date]) -> dict[date, Finding]:
    """The pins that Cassandra refused, by day.

    Raises:
        CassandraUnavailableError: Cassandra is unavailable.
    """
    with open_session(settings) as session:
        session.set_keyspace(settings.cassandra_keyspace)
        return {day: refused_finding(rejects_of(session, day)) for day in days}


def refused_finding(pins: Sequence[RefusedPin]) -> Finding:
    """How many pins there are, and the first of them by name."""
    if not pins:
        return Finding({"refused": 0})
    named = "; ".join(
        f"{pin.unique_id[:_SHOWN_CHARACTERS]} (partition {pin.kafka_partition} offset {pin.kafka_offset}): {pin.reason}"
        for pin in pins[:_NAMED_PINS]
    )
    more = f"; and {len(pins) - _NAMED_PINS:,} more" if len(pins) > _NAMED_PINS else ""
    return Finding(
        {"refused": len(pins)},
        f"Cassandra refused {len(pins):,} clean pins and serves the rest of the day: {named}{more}. The refused pins "
        f"are in pinterest_batch_rejects. Cleaning should have quarantined them: see the limits in pins/fields.py.",
    )
