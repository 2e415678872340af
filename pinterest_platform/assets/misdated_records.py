"""`misdated_records`: what has a timestamp that no record can have, in quarantine, for people to look at."""

import time

import dagster as dg
from dagster_pyspark import LazyPySparkResource

from pinterest_platform.assets.metadata import counts, sample
from pinterest_platform.assets.raw_pins import raw_pins
from pinterest_platform.assets.slices import OWNERS
from pinterest_platform.assets.spark import session_for
from pinterest_platform.batch.clean_slice import replace_misdated_slice
from pinterest_platform.batch.slice_files import quarantine_files, quarantine_prefix
from pinterest_platform.pins.days import MISDATED_DAY
from pinterest_platform.settings import Settings
from pinterest_platform.stores.parquet import first_rows
from pinterest_platform.stores.s3 import open_bucket
from pinterest_platform.stores.spark_failures import failures_in_words

_SAMPLED_ROWS = 5


@dg.asset(
    deps=[raw_pins],
    group_name="batch",
    kinds={"spark", "parquet"},
    owners=OWNERS,
    pool="clean_pins",
)
def misdated_records(
    context: dg.AssetExecutionContext, settings: dg.ResourceParam[Settings], pyspark: LazyPySparkResource
) -> None:
    """Records whose timestamp is before the first day or more than an hour ahead: quarantined with that as the reason.

    They belong to no day. Both paths keep them under 1970-01-01, with their own timestamp in the raw line.
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
