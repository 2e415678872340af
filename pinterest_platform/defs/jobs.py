"""Jobs over assets and checks. Schedules and sensors start them."""

from __future__ import annotations

import dagster as dg

from pinterest_platform.defs.asset_keys import PROFILES, STREAM, TOPIC
from pinterest_platform.defs.partitions import RECOUNT_PERIODS
from pinterest_platform.settings import Settings

BATCH_JOB = "daily_batch"
MISDATED_JOB = "misdated"
CHECK_JOB = "check_assets"
STREAM_JOB = "streaming"
STREAM_CHECK_JOB = "check_stream"
_MISDATED = dg.AssetSelection.assets("misdated_records")
_BATCH = dg.AssetSelection.groups("batch", "metrics") - _MISDATED


def batch_job(settings: Settings) -> dg.UnresolvedAssetJobDefinition:
    """Landing, cleaning and serving of a day. Each step is retried once, after a pause."""
    return dg.define_asset_job(
        BATCH_JOB,
        selection=_BATCH,
        description="The batch of one UTC day: Kafka to S3, to clean Parquet, to Cassandra, with all checks.",
        op_retry_policy=dg.RetryPolicy(max_retries=1, delay=settings.retry_delay_seconds),
    )


def misdated_job(settings: Settings) -> dg.UnresolvedAssetJobDefinition:
    return dg.define_asset_job(
        MISDATED_JOB,
        selection=_MISDATED,
        description="Quarantines records whose timestamp is not plausible, and reconciles them. They belong to no day.",
        op_retry_policy=dg.RetryPolicy(max_retries=1, delay=settings.retry_delay_seconds),
    )


check_assets = dg.define_asset_job(
    CHECK_JOB,
    selection=dg.AssetSelection.checks_for_assets(
        "raw_pins", "clean_pins", "quarantined_pins", "pinterest_batch", "category_popularity"
    ),
    tags={RECOUNT_PERIODS: "true"},
    description="Runs every check of a day without materialising anything, for example after a store was repaired.",
)

streaming = dg.define_asset_job(
    STREAM_JOB,
    selection=dg.AssetSelection.assets(STREAM, PROFILES).without_checks(),  # their checks are in check_stream
    description="Streams from Kafka to PostgreSQL until stopped. The sensor keep_streaming starts it, restarts it "
    "after a crash, and stops it when switched off.",
)

check_stream = dg.define_asset_job(
    STREAM_CHECK_JOB,
    selection=dg.AssetSelection.checks_for_assets(STREAM, PROFILES, TOPIC),
    description="Runs the checks of the stream and of the topic's settings. It only reads.",
)
