"""`raw_pins`: the day's Kafka records in S3, unchanged."""

import time

import dagster as dg

from pinterest_platform.assets.metadata import markdown_table
from pinterest_platform.assets.slices import BACKFILL, DAILY, OWNERS, days_of
from pinterest_platform.assets.topic import TOPIC
from pinterest_platform.batch.landing import Landing, land_day
from pinterest_platform.batch.raw_objects import day_prefix
from pinterest_platform.settings import Settings
from pinterest_platform.stores.kafka import open_topic
from pinterest_platform.stores.s3 import open_bucket


@dg.asset(
    deps=[TOPIC],
    partitions_def=DAILY,
    backfill_policy=BACKFILL,
    group_name="batch",
    kinds={"s3", "json"},
    owners=OWNERS,
    pool="raw_pins",
)
def raw_pins(context: dg.AssetExecutionContext, settings: dg.ResourceParam[Settings]) -> None:
    """The day's Kafka records as gzipped JSON lines in S3: every one, unchanged, byte for byte repeatable."""
    bucket = open_bucket(settings)
    with open_topic(settings) as topic:
        for day in days_of(context):
            started = time.monotonic()
            landing = land_day(topic, bucket, day)
            seconds = time.monotonic() - started
            context.add_asset_metadata(_facts(landing, bucket.name, seconds), partition_key=day.isoformat())


def _facts(landing: Landing, bucket: str, seconds: float) -> dict[str, dg.MetadataValue | int | float | str]:
    objects = [
        (f"s3://{bucket}/{stored.key}", str(stored.records), str(stored.first_offset), str(stored.last_offset))
        for stored in landing.objects
    ]
    return {
        "dagster/partition_row_count": landing.records,
        "objects": len(landing.objects),
        "objects_written": landing.written,
        "bytes": sum(stored.size for stored in landing.objects),
        "seconds": round(seconds, 2),
        "location": f"s3://{bucket}/{day_prefix(landing.day)}",
        "offsets": markdown_table(["object", "records", "first offset", "last offset"], objects),
    }
