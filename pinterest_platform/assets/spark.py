"""The Spark session of a step, from the resource that Dagster hands in."""

from __future__ import annotations

from dagster_pyspark import LazyPySparkResource
from pyspark.sql import SparkSession

from pinterest_platform.settings import Settings
from pinterest_platform.stores.spark import hand_over_secrets, prepare_environment, spark_configuration


def spark_resource(settings: Settings) -> LazyPySparkResource:
    """A resource that starts Spark when a step first asks for the session, not when definitions load."""
    return LazyPySparkResource(spark_config=dict(spark_configuration(settings)))


def session_of(pyspark: LazyPySparkResource, settings: Settings) -> SparkSession:
    """The run's Spark session; one serves every step of a run, since a run is one process."""
    prepare_environment(settings)
    session: SparkSession = pyspark.spark_session
    hand_over_secrets(session, settings)
    session.sparkContext.setLogLevel("WARN")
    return session
