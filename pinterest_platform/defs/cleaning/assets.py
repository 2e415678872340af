"""The assets `clean_pins`, `quarantined_pins` and `misdated_records`: Parquet in S3, made from raw records by Spark."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import dagster as dg
from dagster_pyspark import LazyPySparkResource

from pinterest_platform.clean_slices.build import replace_clean_slices, replace_misdated_slice
from pinterest_platform.clean_slices.manifest import (
    CleaningCounts,
    clean_files,
    clean_prefix,
    quarantine_files,
    quarantine_prefix,
)
from pinterest_platform.defs.asset_keys import CLEAN, QUARANTINED
from pinterest_platform.defs.landing.assets import raw_pins
from pinterest_platform.defs.metadata import counts, sample, table_schema
from pinterest_platform.defs.partitions import BACKFILL, DAILY, OWNERS, days_of
from pinterest_platform.defs.spark_session import session_for
from pinterest_platform.pins.calendar import MISDATED_DAY
from pinterest_platform.settings import Settings
from pinterest_platform.stores.parquet import first_rows
from pinterest_platform.stores.s3 import ObjectStore, open_bucket
from pinterest_platform.stores.spark_failures import failures_in_words

_SAMPLED_ROWS = 5
_LOOKED_AT_ONCE = 4  # threads; each mostly waits for S3
Facts = dict[str, dg.MetadataValue | dg.TableSchema | int | float | str]


@dg.multi_asset(
    specs=[
        dg.AssetSpec(
            CLEAN,
            deps=["raw_pins"],
            description="The day's pins after cleaning, as Parquet in S3: one row per pin, its newest version of the "
            "day. Placeholders for missing text are null, follower counts are numbers.",
            group_name="batch",
            kinds={"spark", "parquet"},
            owners=OWNERS,
        ),
        dg.AssetSpec(
            QUARANTINED,
            deps=["raw_pins"],
            description="The day's records that are not valid pins, with Kafka coordinates, original text and a "
            "reason. After fixing a rule, materialise the day again to replay them.",
            group_name="batch",
            kinds={"spark", "parquet"},
            owners=OWNERS,
        ),
    ],
    partitions_def=DAILY,
    backfill_policy=BACKFILL,
    pool="clean_pins",
)
def cleaned_pins(
    context: dg.AssetExecutionContext, settings: dg.ResourceParam[Settings], pyspark: LazyPySparkResource
) -> Iterator[dg.MaterializeResult[None]]:
    """Cleans the day's raw records, with the same rules as the stream."""
    days, started = days_of(context), time.monotonic()
    bucket, spark = open_bucket(settings), session_for(days, pyspark, settings)
    with failures_in_words(settings), ThreadPoolExecutor(_LOOKED_AT_ONCE) as readers:
        outcomes = replace_clean_slices(spark, bucket, days)
        facts = list(readers.map(lambda outcome: _facts(outcome, bucket, settings), outcomes))
    run: Facts = {"run_days": len(days), "run_seconds": round(time.monotonic() - started, 2)}
    for day, (clean, quarantined) in zip(days, facts, strict=True):
        context.add_asset_metadata(clean | run, asset_key=CLEAN, partition_key=day.isoformat())
        context.add_asset_metadata(quarantined | run, asset_key=QUARANTINED, partition_key=day.isoformat())
    yield dg.MaterializeResult(asset_key=CLEAN)
    yield dg.MaterializeResult(asset_key=QUARANTINED)


def _facts(outcome: CleaningCounts, bucket: ObjectStore, settings: Settings) -> tuple[Facts, Facts]:
    """Metadata of the clean slice and of the quarantined records."""
    return (
        _clean_facts(outcome, bucket) | _looks(settings, clean_files(bucket, outcome.day)),
        _quarantine_facts(outcome, bucket) | _looks(settings, quarantine_files(bucket, outcome.day)),
    )


def _looks(settings: Settings, files: Sequence[str]) -> Facts:
    """The schema of the Parquet files and a sample of their rows."""
    rows = first_rows(settings, files, _SAMPLED_ROWS)
    return (
        {} if rows is None else {"dagster/column_schema": table_schema(rows.schema), "sample": sample(rows.to_pylist())}
    )


def _clean_facts(outcome: CleaningCounts, bucket: ObjectStore) -> Facts:
    return {
        "dagster/partition_row_count": outcome.clean,
        "raw": outcome.raw,
        "quarantined": outcome.quarantined,
        "superseded": outcome.superseded,
        "repeated": outcome.repeated,
        "dagster/uri": f"s3://{bucket.name}/{clean_prefix(outcome.day)}",
    }


def _quarantine_facts(outcome: CleaningCounts, bucket: ObjectStore) -> Facts:
    return {
        "dagster/partition_row_count": outcome.quarantined,
        "reasons": counts("reason", outcome.reasons),
        "dagster/uri": f"s3://{bucket.name}/{quarantine_prefix(outcome.day)}",
    }


@dg.asset(
    deps=[raw_pins],
    group_name="batch",
    kinds={"spark", "parquet"},
    owners=OWNERS,
    pool="misdated_records",  # real days do not wait for it
)
def misdated_records(
    context: dg.AssetExecutionContext, settings: dg.ResourceParam[Settings], pyspark: LazyPySparkResource
) -> None:
    """Records with an implausible timestamp: before the first day, or more than an hour ahead. All are quarantined.

    They belong to no day. Both layers keep them under 1970-01-01; the raw line has the original timestamp.
    """
    started, bucket = time.monotonic(), open_bucket(settings)
    with failures_in_words(settings):
        spark = session_for([MISDATED_DAY], pyspark, settings)
        outcome = replace_misdated_slice(spark, bucket, settings.first_day)
    rows = first_rows(settings, quarantine_files(bucket, MISDATED_DAY), _SAMPLED_ROWS)
    context.add_output_metadata(
        {
            "dagster/row_count": outcome.quarantined,
            "reasons": counts("reason", outcome.reasons),
            "dagster/uri": f"s3://{bucket.name}/{quarantine_prefix(MISDATED_DAY)}",
            "sample": sample(rows.to_pylist() if rows else []),
            "seconds": round(time.monotonic() - started, 2),
        }
    )
