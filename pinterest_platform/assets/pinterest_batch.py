"""`pinterest_batch`: the day's clean pins in Cassandra, where applications read them."""

import time

import dagster as dg
from dagster_pyspark import LazyPySparkResource

from pinterest_platform.assets.clean_pins import CLEAN
from pinterest_platform.assets.metadata import counts
from pinterest_platform.assets.slices import BACKFILL, DAILY, OWNERS, days_of
from pinterest_platform.assets.spark import session_of
from pinterest_platform.batch.clean_slice import read_clean
from pinterest_platform.batch.serving import TABLE, replace_batch_slice
from pinterest_platform.settings import Settings
from pinterest_platform.stores.s3 import open_bucket


@dg.asset(
    deps=[CLEAN],
    partitions_def=DAILY,
    backfill_policy=BACKFILL,
    group_name="batch",
    kinds={"cassandra", "spark"},
    owners=OWNERS,
    pool="pinterest_batch",
)
def pinterest_batch(
    context: dg.AssetExecutionContext, settings: dg.ResourceParam[Settings], pyspark: LazyPySparkResource
) -> None:
    """The day's clean pins as a slice of the Cassandra table `pinterest_batch`, replaced while people read it."""
    bucket, spark = open_bucket(settings), session_of(pyspark, settings)
    for day in days_of(context):
        started = time.monotonic()
        rows = replace_batch_slice(read_clean(spark, bucket, day), settings, day)
        facts = {
            "dagster/partition_row_count": sum(rows.values()),
            "categories": counts("category", rows),
            "seconds": round(time.monotonic() - started, 2),
            "location": f"{settings.cassandra_keyspace}.{TABLE}",
        }
        context.add_asset_metadata(facts, partition_key=day.isoformat())
