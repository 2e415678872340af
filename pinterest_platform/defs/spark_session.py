"""The Spark session of a step. All steps of a run share it, since a run is one process."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from dagster_pyspark import LazyPySparkResource
from pyspark.sql import SparkSession

from pinterest_platform.landing.raw_objects import day_prefix
from pinterest_platform.settings import Settings
from pinterest_platform.stores.java_options import Driver
from pinterest_platform.stores.s3 import ObjectStore, open_bucket
from pinterest_platform.stores.spark import hand_over_secrets, prepare_environment, spark_configuration

_LARGE_BYTES = 64 * 1024 * 1024  # raw objects: the gzipped lines of about 360,000 events


def spark_resource(settings: Settings, driver: Driver = Driver.STREAM) -> LazyPySparkResource:
    """A resource that starts Spark on first use, not when definitions load."""
    return LazyPySparkResource(spark_config=dict(spark_configuration(settings, driver)))


def session_for(days: Iterable[date], pyspark: LazyPySparkResource, settings: Settings) -> SparkSession:
    """The run's Spark session, with a JVM sized for what has landed of these days.

    The first step of a run decides; later steps get the same session.
    """
    if SparkSession.getActiveSession() is None:
        pyspark = spark_resource(settings, driver_for(open_bucket(settings), days))
    return session_of(pyspark, settings)


def session_of(pyspark: LazyPySparkResource, settings: Settings) -> SparkSession:
    """The run's Spark session."""
    prepare_environment(settings)
    session: SparkSession = pyspark.spark_session
    hand_over_secrets(session, settings)
    session.sparkContext.setLogLevel("WARN")
    return session


def driver_for(bucket: ObjectStore, days: Iterable[date]) -> Driver:
    """The JVM profile that suits the amount landed for these days."""
    landed = sum(stored.size for day in days for stored in bucket.list(day_prefix(day)))
    return Driver.SMALL_BATCH if landed < _LARGE_BYTES else Driver.LARGE_BATCH
