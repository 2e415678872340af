"""The jobs over assets and their checks: one day of the batch, and the stream.

Belongs here: which assets run together, and how a run behaves. Does not belong here: when they run.
"""

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
    """A day through landing, cleaning and serving, each step retried once after a pause."""
    return dg.define_asset_job(
        BATCH_JOB,
        selection=_BATCH,
        description="Kafka to S3 to clean Parquet to Cassandra, one UTC day a partition.",
        op_retry_policy=dg.RetryPolicy(max_retries=1, delay=settings.retry_delay_seconds),
    )


def misdated_job(settings: Settings) -> dg.UnresolvedAssetJobDefinition:
    """Records that belong to no day, cleaned and shown."""
    return dg.define_asset_job(
        MISDATED_JOB,
        selection=_MISDATED,
        description="Records whose timestamp is not plausible: from raw objects to quarantine, and accounted for.",
        op_retry_policy=dg.RetryPolicy(max_retries=1, delay=settings.retry_delay_seconds),
    )


check_assets = dg.define_asset_job(
    CHECK_JOB,
    selection=dg.AssetSelection.checks_for_assets(
        "raw_pins", "clean_pins", "quarantined_pins", "pinterest_batch", "category_popularity"
    ),
    tags={RECOUNT_PERIODS: "true"},
    description="Every check of a day, without materialising anything: for a CI, and after a store was mended.",
)

streaming = dg.define_asset_job(
    STREAM_JOB,
    selection=dg.AssetSelection.assets(STREAM, PROFILES).without_checks(),  # they have a job of their own
    description="Kafka to PostgreSQL. The sensor keep_streaming is its switch, and starts it again when it has died.",
)

check_stream = dg.define_asset_job(
    STREAM_CHECK_JOB,
    selection=dg.AssetSelection.checks_for_assets(STREAM, PROFILES, TOPIC),
    description="Lag, freshness, no record twice, profiles equal a recount, how the topic is set up. Reads only.",
)
