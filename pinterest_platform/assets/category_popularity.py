"""`category_popularity`: which categories are popular, by day, month and year, in Cassandra."""

import time
from collections.abc import Sequence
from datetime import date

import dagster as dg
from dagster_pyspark import LazyPySparkResource

from pinterest_platform.assets.asked_for import settle_days
from pinterest_platform.assets.clean_pins import CLEAN
from pinterest_platform.assets.metadata import markdown_table
from pinterest_platform.assets.pinterest_batch import pinterest_batch
from pinterest_platform.assets.slices import BACKFILL, DAILY, OWNERS, days_of
from pinterest_platform.assets.spark import session_for
from pinterest_platform.batch.popularity import TABLE, Popularity, RankedCategory, replace_popularity
from pinterest_platform.pins.periods import Period, periods_of
from pinterest_platform.settings import Settings
from pinterest_platform.stores.s3 import open_bucket
from pinterest_platform.stores.spark_failures import failures_in_words

_LONGEST_BAR = 40  # characters
_SHOWN = 20  # categories: a chart is for looking at
_SCHEMA = dg.TableSchema(
    [
        dg.TableColumn("period_kind", "text", "day, month or year"),
        dg.TableColumn("period", "text", "2026-11-22, 2026-11 or 2026; UTC"),
        dg.TableColumn("rank", "int", "1 has most posts; equals share a rank"),
        dg.TableColumn("category", "text"),
        dg.TableColumn("posts", "bigint", "rows of clean pins: a pin counts once on each day that it was posted"),
        dg.TableColumn("distinct_pins", "bigint", "a pin counts once in the period"),
        dg.TableColumn("distinct_posters", "bigint", "without pins whose poster is not known"),
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
    """Posts, distinct pins, distinct posters and rank of every category: of the day, its month and its year.

    A pin counts as one post on each day that it was posted. Months and years are counted anew from all their clean
    days, once a run, however many days the run has.
    """
    days, bucket, started = days_of(context), open_bucket(settings), time.monotonic()
    with failures_in_words(settings):
        popularity = replace_popularity(session_for(days, pyspark, settings), bucket, settings, days)
    seconds = round(time.monotonic() - started, 2)
    for day in days:
        facts = _facts(popularity, day) | {
            "run_days": len(days),
            "run_seconds": seconds,
            "dagster/table_name": f"{settings.cassandra_keyspace}.{TABLE}",
        }
        context.add_asset_metadata(facts, partition_key=day.isoformat())
    settle_days(context, bucket, days)  # this is the last step of a run


def bars(categories: Sequence[RankedCategory]) -> dg.MarkdownMetadataValue:
    """The ranking as a table whose last column is a bar chart of the posts.

    Of text, since it then follows the UI's light or dark theme and can be copied.
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
