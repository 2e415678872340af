"""`pinterest_batch`: the day's clean pins in Cassandra, where applications read them."""

import time
from datetime import timedelta

import dagster as dg
from dagster_pyspark import LazyPySparkResource

from pinterest_platform.assets.clean_pins import CLEAN
from pinterest_platform.assets.metadata import counts, sample
from pinterest_platform.assets.slices import BACKFILL, DAILY, OWNERS, days_of
from pinterest_platform.assets.spark import session_of
from pinterest_platform.batch.clean_slice import read_clean
from pinterest_platform.batch.serving import TABLE, replace_batch_slice, some_rows
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
    bucket, spark = open_bucket(settings), session_of(pyspark, settings)
    for day in days_of(context):
        started = time.monotonic()
        with failures_in_words(settings):
            rows = replace_batch_slice(read_clean(spark, bucket, day), settings, day)
        facts = {
            "dagster/partition_row_count": sum(rows.values()),
            "rows_by_category": counts("category", rows),
            "seconds": round(time.monotonic() - started, 2),
            "location": f"{settings.cassandra_keyspace}.{TABLE}",
            "sample": sample(some_rows(settings, day, min(rows), _SAMPLED_ROWS) if rows else []),
        }
        context.add_asset_metadata(facts, partition_key=day.isoformat())
