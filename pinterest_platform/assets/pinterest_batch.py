"""`pinterest_batch`: the day's clean pins in Cassandra, where applications read them."""

import time
from datetime import timedelta

import dagster as dg
from dagster_pyspark import LazyPySparkResource

from pinterest_platform.assets.clean_pins import CLEAN
from pinterest_platform.assets.metadata import counts, sample
from pinterest_platform.assets.slices import BACKFILL, DAILY, OWNERS, days_of
from pinterest_platform.assets.spark import session_for
from pinterest_platform.batch.clean_slice import read_clean
from pinterest_platform.batch.pin_rows import TABLE
from pinterest_platform.batch.serving import look_at_days, replace_batch_slices
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
    # The daily run begins at 10:00; Dagster shows the asset as stale when it has brought nothing within an hour.
    freshness_policy=dg.FreshnessPolicy.cron(deadline_cron="0 11 * * *", lower_bound_delta=timedelta(hours=1)),
)
def pinterest_batch(
    context: dg.AssetExecutionContext, settings: dg.ResourceParam[Settings], pyspark: LazyPySparkResource
) -> None:
    """The day's clean pins as a slice of the Cassandra table `pinterest_batch`, replaced while people read it."""
    days, started = days_of(context), time.monotonic()
    with failures_in_words(settings):
        pins = read_clean(session_for(days, pyspark, settings), open_bucket(settings), days)
        rows = replace_batch_slices(pins, settings, days)
    seconds = round(time.monotonic() - started, 2)
    looks = look_at_days(settings, {day: min(rows[day], default=None) for day in days}, _SAMPLED_ROWS)
    for day in days:
        facts = {
            "dagster/partition_row_count": sum(rows[day].values()),
            "refused": looks[day].refused,
            "rows_by_category": counts("category", rows[day]),
            "run_days": len(days),
            "run_seconds": seconds,
            "dagster/table_name": f"{settings.cassandra_keyspace}.{TABLE}",
            "sample": sample(looks[day].rows),
        }
        context.add_asset_metadata(facts, partition_key=day.isoformat())
