"""The Spark session of a step, from the resource that Dagster hands in."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from dagster_pyspark import LazyPySparkResource
from pyspark.sql import SparkSession

from pinterest_platform.batch.raw_objects import day_prefix
from pinterest_platform.settings import Settings
from pinterest_platform.stores.s3 import open_bucket
from pinterest_platform.stores.spark import hand_over_secrets, prepare_environment, spark_configuration

_FEW_BYTES = 32 * 1024 * 1024  # of raw objects: the gzipped lines of about 180,000 events


def spark_resource(settings: Settings, *, is_short: bool = False) -> LazyPySparkResource:
    """A resource that starts Spark when a step first asks for the session, not when definitions load."""
    return LazyPySparkResource(spark_config=dict(spark_configuration(settings, is_short=is_short)))


def session_for(days: Iterable[date], pyspark: LazyPySparkResource, settings: Settings) -> SparkSession:
    """The run's Spark session. Where few bytes of these days have landed, its JVM is one that suits little work.

    The run's first step decides; the others find the session.
    """
    if SparkSession.getActiveSession() is None and _landed_bytes(days, settings) < _FEW_BYTES:
        pyspark = spark_resource(settings, is_short=True)
    return session_of(pyspark, settings)


def session_of(pyspark: LazyPySparkResource, settings: Settings) -> SparkSession:
    """The run's Spark session; one serves every step of a run, since a run is one process."""
    prepare_environment(settings)
    session: SparkSession = pyspark.spark_session
    hand_over_secrets(session, settings)
    session.sparkContext.setLogLevel("WARN")
    return session


def _landed_bytes(days: Iterable[date], settings: Settings) -> int:
    bucket = open_bucket(settings)
    return sum(stored.size for day in days for stored in bucket.list(day_prefix(day)))
