"""The Cassandra tables that applications read: `pinterest_batch` and `category_popularity`."""

import time
from collections.abc import Sequence
from datetime import date, timedelta

import dagster as dg
from dagster_pyspark import LazyPySparkResource

from pinterest_platform.clean_slices.build import read_clean
from pinterest_platform.defs.asset_keys import CLEAN
from pinterest_platform.defs.metadata import counts, markdown_table, sample
from pinterest_platform.defs.partitions import BACKFILL, DAILY, OWNERS, days_of
from pinterest_platform.defs.rerun_requests import settle_days
from pinterest_platform.defs.spark_session import session_for
from pinterest_platform.pins.calendar import Period, periods_of
from pinterest_platform.serving.category_popularity import TABLE as POPULARITY_TABLE
from pinterest_platform.serving.category_popularity import Popularity, RankedCategory, replace_popularity
from pinterest_platform.serving.pin_rows import TABLE as PINS_TABLE
from pinterest_platform.serving.pinterest_batch import replace_batch_slices, sample_days
from pinterest_platform.settings import Settings
from pinterest_platform.stores.s3 import open_bucket
from pinterest_platform.stores.spark_failures import failures_in_words

_SAMPLED_ROWS = 5


@dg.asset(
    deps=[CLEAN],
    partitions_def=DAILY,
    backfill_policy=BACKFILL,
    group_name="batch",
    kinds={"cassandra", "spark"},
    owners=OWNERS,
    pool="pinterest_batch",
    # The daily run starts at 10:00 UTC. Dagster shows the asset as stale if it has not been materialised an hour later.
    freshness_policy=dg.FreshnessPolicy.cron(deadline_cron="0 11 * * *", lower_bound_delta=timedelta(hours=1)),
)
def pinterest_batch(
    context: dg.AssetExecutionContext, settings: dg.ResourceParam[Settings], pyspark: LazyPySparkResource
) -> None:
    """The day's clean pins in the Cassandra table `pinterest_batch`. Replaced without a gap for readers."""
    days, started = days_of(context), time.monotonic()
    with failures_in_words(settings):
        pins = read_clean(session_for(days, pyspark, settings), open_bucket(settings), days)
        rows = replace_batch_slices(pins, settings, days)
    seconds = round(time.monotonic() - started, 2)
    samples = sample_days(settings, {day: min(rows[day], default=None) for day in days}, _SAMPLED_ROWS)
    for day in days:
        facts = {
            "dagster/partition_row_count": sum(rows[day].values()),
            "refused": samples[day].refused,
            "rows_by_category": counts("category", rows[day]),
            "run_days": len(days),
            "run_seconds": seconds,
            "dagster/table_name": f"{settings.cassandra_keyspace}.{PINS_TABLE}",
            "sample": sample(samples[day].rows),
        }
        context.add_asset_metadata(facts, partition_key=day.isoformat())


_LONGEST_BAR = 40  # characters
_SHOWN = 20  # categories
_SCHEMA = dg.TableSchema(
    [
        dg.TableColumn("period_kind", "text", "day, month or year"),
        dg.TableColumn("period", "text", "2026-11-22, 2026-11 or 2026; UTC"),
        dg.TableColumn("rank", "int", "1 has the most posts; equal counts share a rank"),
        dg.TableColumn("category", "text"),
        dg.TableColumn("posts", "bigint", "rows of clean pins: a pin counts once for each day it was posted"),
        dg.TableColumn("distinct_pins", "bigint", "a pin counts once in the period"),
        dg.TableColumn("distinct_posters", "bigint", "pins with an unknown poster are left out"),
    ]
)


@dg.asset(
    deps=[CLEAN, pinterest_batch],
    partitions_def=DAILY,
    backfill_policy=BACKFILL,
    group_name="metrics",
    kinds={"cassandra", "spark"},
    owners=OWNERS,
    metadata={"dagster/column_schema": _SCHEMA},
    pool="category_popularity",
)
def category_popularity(
    context: dg.AssetExecutionContext, settings: dg.ResourceParam[Settings], pyspark: LazyPySparkResource
) -> None:
    """Posts, distinct pins, distinct posters and rank of every category: for the day, its month and its year.

    A pin counts as one post for each day it was posted. Months and years are recounted from all their clean days, once
    per run.
    """
    days, bucket, started = days_of(context), open_bucket(settings), time.monotonic()
    with failures_in_words(settings):
        popularity = replace_popularity(session_for(days, pyspark, settings), bucket, settings, days)
    seconds = round(time.monotonic() - started, 2)
    for day in days:
        facts = _facts(popularity, day) | {
            "run_days": len(days),
            "run_seconds": seconds,
            "dagster/table_name": f"{settings.cassandra_keyspace}.{POPULARITY_TABLE}",
        }
        context.add_asset_metadata(facts, partition_key=day.isoformat())
    settle_days(context, bucket, days)  # the last step of a run


def bars(categories: Sequence[RankedCategory]) -> dg.MarkdownMetadataValue:
    """The ranking as a table whose last column is a bar chart of the posts.

    The bars are text, so they follow the UI's light or dark theme and can be copied.
    """
    most = max((place.counts.posts for place in categories), default=1)
    rows = [
        (
            place.rank,
            place.counts.category,
            f"{place.counts.posts:,}",
            f"{place.counts.distinct_pins:,}",
            f"{place.counts.distinct_posters:,}",
            "█" * max(1, round(_LONGEST_BAR * place.counts.posts / most)),
        )
        for place in categories[:_SHOWN]
    ]
    return markdown_table(["rank", "category", "posts", "distinct pins", "distinct posters", ""], rows)


def _facts(popularity: Popularity, day: date) -> dict[str, dg.MetadataValue | int | float | str]:
    facts: dict[str, dg.MetadataValue | int | float | str] = {}
    for period in periods_of([day]):
        categories = popularity[period]
        facts |= {f"posts_of_the_{period.kind}": sum(place.counts.posts for place in categories)}
        facts |= {f"chart_of_{period.name}": bars(categories)}
        if categories:
            facts |= {f"most_popular_of_the_{period.kind}": categories[0].counts.category}
    facts["dagster/partition_row_count"] = len(popularity[Period("day", day.isoformat())])
    return facts
