"""Checks of `clean_pins`: what must hold before a slice may reach Cassandra."""

import json

import dagster as dg
from dagster_pyspark import LazyPySparkResource

from pinterest_platform.assets.clean_pins import CLEAN
from pinterest_platform.assets.slices import DAILY, days_of
from pinterest_platform.assets.spark import session_of
from pinterest_platform.batch.clean_slice import read_clean
from pinterest_platform.settings import Settings
from pinterest_platform.stores.s3 import open_bucket


@dg.asset_check(asset=CLEAN, blocking=True, partitions_def=DAILY)
def clean_pins_match_their_schema(
    context: dg.AssetCheckExecutionContext, settings: dg.ResourceParam[Settings], pyspark: LazyPySparkResource
) -> dg.AssetCheckResult:
    """Every column has its type, its range and no null where there must be none; each pin stands once a day."""
    from pinterest_platform.pins.schemas import violations

    spark, bucket = session_of(pyspark, settings), open_bucket(settings)
    found = {day.isoformat(): violations(read_clean(spark, bucket, day)) for day in days_of(context)}
    broken = {day: errors for day, errors in found.items() if errors}
    return dg.AssetCheckResult(
        passed=not broken,
        description=f"Broken on {', '.join(broken)}: see the metadata." if broken else None,
        metadata={"violations": dg.MetadataValue.json(json.loads(json.dumps(broken, default=str)))},
    )
