"""The Kafka topic, which the ingest API fills, and `raw_pins`: its records in S3, unchanged."""

import time

import dagster as dg

from pinterest_platform.defs.asset_keys import TOPIC
from pinterest_platform.defs.metadata import counts, markdown_table
from pinterest_platform.defs.partitions import BACKFILL, DAILY, OWNERS, days_of
from pinterest_platform.defs.rerun_requests import request_days
from pinterest_platform.landing.landing import Landing, land_day
from pinterest_platform.landing.raw_objects import day_prefix, stored_lines
from pinterest_platform.pins.calendar import MISDATED_DAY, PlausibleTimes
from pinterest_platform.settings import Settings
from pinterest_platform.stores.kafka import open_topic
from pinterest_platform.stores.s3 import ObjectStore, open_bucket

_SAMPLED_LINES = 3
_LINE_CHARACTERS = 1_000


pinterest_topic = dg.AssetSpec(
    key=TOPIC,
    description="The Kafka topic of posted pins, keyed by `unique_id`. The ingest API writes it; Dagster only "
    "observes it.",
    group_name="ingest",
    kinds={"kafka"},
    owners=OWNERS,
)


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
    """The day's Kafka records in S3, unchanged, as gzipped JSON lines. A rerun writes the same bytes."""
    bucket, days = open_bucket(settings), days_of(context)
    request_days(context, bucket, days)
    with open_topic(settings) as topic:
        # Newest first: that landing already brings the records of all other days.
        for day in reversed(days):
            started = time.monotonic()
            times = PlausibleTimes.now(settings.first_day)
            landing = land_day(topic, bucket, day, times)
            for loss in landing.losses:
                context.log.error(f"Kafka deleted records of {loss.topic} before landing: {loss.in_words()}.")
            facts = _facts(landing, bucket) | {"seconds": round(time.monotonic() - started, 2)}
            context.add_asset_metadata(facts, partition_key=day.isoformat())


def _facts(landing: Landing, bucket: ObjectStore) -> dict[str, dg.MetadataValue | int | float | str]:
    objects = [
        (stored.key.rpartition("/")[2], stored.records, stored.first_offset, stored.last_offset)
        for stored in landing.objects
    ]
    late = {day.isoformat(): records for day, records in landing.late.items()}
    return {
        "dagster/partition_row_count": landing.records,
        "records_read": landing.read,
        "objects": len(objects),
        "objects_written": landing.written,
        "bytes": sum(stored.size for stored in landing.objects),
        "reading_seconds": round(landing.reading_seconds, 2),
        "writing_seconds": round(landing.writing_seconds, 2),
        "late_records_of_other_days": counts("day", late),
        "misdated_records": landing.grown.get(MISDATED_DAY, 0),
        "lost_offsets": "; ".join(loss.in_words() for loss in landing.losses) or "none",
        "dagster/uri": f"s3://{bucket.name}/{day_prefix(landing.day)}",
        "offsets": markdown_table(["object", "records", "first offset", "last offset"], objects),
        "sample": dg.MetadataValue.md("\n".join(f"```\n{line}\n```" for line in _first_lines(bucket, landing))),
    }


def _first_lines(bucket: ObjectStore, landing: Landing) -> list[str]:
    if not landing.objects:
        return []
    lines = stored_lines(bucket, landing.objects[-1].key)[:_SAMPLED_LINES]
    return [line.rstrip()[:_LINE_CHARACTERS].decode(errors="replace") for line in lines]
