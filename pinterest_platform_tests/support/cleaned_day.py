"""One day's cleaning, for tests and benchmarks: the platform cleans the days of a run together."""

from __future__ import annotations

from datetime import date

from pyspark.sql import SparkSession

from pinterest_platform.clean_slices.build import replace_clean_slices
from pinterest_platform.clean_slices.manifest import CleaningCounts
from pinterest_platform.stores.s3 import ObjectStore


def replace_clean_slice(spark: SparkSession, bucket: ObjectStore, day: date) -> CleaningCounts:
    """`replace_clean_slices` for one day."""
    [outcome] = replace_clean_slices(spark, bucket, [day])
    return outcome
