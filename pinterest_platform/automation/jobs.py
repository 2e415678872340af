"""The jobs: one day of the batch, and the stream.

Belongs here: which assets run together, and how a run behaves. Does not belong here: when they run.
"""

from __future__ import annotations

import dagster as dg

from pinterest_platform.assets.pinterest_stream import PROFILES, STREAM
from pinterest_platform.settings import Settings

BATCH_JOB = "daily_batch"
STREAM_JOB = "streaming"


def batch_job(settings: Settings) -> dg.UnresolvedAssetJobDefinition:
    """A day through landing, cleaning and serving, each step retried once after a pause."""
    return dg.define_asset_job(
        BATCH_JOB,
        selection=dg.AssetSelection.groups("batch", "metrics"),
        description="Kafka to S3 to clean Parquet to Cassandra, one UTC day a partition.",
        op_retry_policy=dg.RetryPolicy(max_retries=1, delay=settings.retry_delay_seconds),
    )


streaming = dg.define_asset_job(
    STREAM_JOB,
    selection=dg.AssetSelection.assets(STREAM, PROFILES),
    description="Kafka to PostgreSQL, until terminated. The sensor keep_streaming starts it again.",
)
