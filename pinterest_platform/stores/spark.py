"""The Spark session's configuration: master, memory, jars, S3A, and the Cassandra connector."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from pinterest_platform.connections import spark_cassandra_options, spark_cassandra_secrets
from pinterest_platform.settings import Settings
from pinterest_platform.stores.java_options import EXECUTOR, Driver

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from pinterest_platform.stores.s3 import ObjectStore


def spark_configuration(settings: Settings, driver: Driver = Driver.STREAM) -> dict[str, str]:
    """The configuration for `SparkSession.builder.config`. It has no secrets, since Dagster shows it.

    Args:
        settings: of the master and the other stores.
        driver: the JVM profile.
    """
    return {
        "spark.app.name": "pinterest-platform",
        "spark.master": settings.spark_master,
        "spark.driver.memory": settings.spark_driver_memory,
        "spark.driver.host": settings.spark_driver_host,
        "spark.driver.bindAddress": settings.spark_driver_bind_address,
        "spark.driver.extraJavaOptions": driver.java_options(settings.spark_class_archive),
        "spark.executor.extraJavaOptions": EXECUTOR,
        "spark.driver.extraClassPath": settings.spark_class_path,
        "spark.executor.extraClassPath": settings.spark_class_path,
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        # Spark keeps this history even without its UI: a stream has three jobs per second for months.
        "spark.ui.retainedJobs": "50",
        "spark.ui.retainedStages": "50",
        "spark.ui.retainedTasks": "500",
        "spark.sql.ui.retainedExecutions": "20",
        # Spark describes each plan for its UI, which is off. This is the cheapest form.
        "spark.sql.ui.explainMode": "simple",
        # Cleans up after a stream's batches with each collection; otherwise the heap grows to its limit first.
        "spark.cleaner.periodicGC.interval": "2min",
        # Rows that Spark's Parquet reader holds at a time. Its default of 4,096 is 4 GiB of the largest records.
        "spark.sql.parquet.columnarReaderBatchSize": "128",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "4",
        # Spark lists many files by a job with one task per file, unless limited. A task costs more than the listing.
        "spark.sql.sources.parallelPartitionDiscovery.parallelism": "8",
        **_s3a(settings),
        **_cassandra(settings),
        **settings.spark_options,
    }


def prepare_environment(settings: Settings) -> None:
    """Set the environment variables that Spark reads: the driver's JRE and Python."""
    os.environ["JAVA_HOME"] = str(settings.java_home)
    os.environ["PYSPARK_PYTHON"] = sys.executable


def hand_over_secrets(session: SparkSession, settings: Settings) -> None:
    """Set keys and passwords on the session; they reach the executors with each job.

    They are not in its configuration, since Dagster's and Spark's UI show that.
    """
    if settings.s3_access_key and settings.s3_secret_key:
        hadoop = session.sparkContext._jsc.hadoopConfiguration()
        hadoop.set("fs.s3a.access.key", settings.s3_access_key)
        hadoop.set("fs.s3a.secret.key", settings.s3_secret_key.get_secret_value())
    for name, value in spark_cassandra_secrets(settings).items():
        session.conf.set(name, value)


def s3a_url(bucket: ObjectStore, key: str) -> str:
    return f"s3a://{bucket.name}/{key}"


def open_session(settings: Settings, driver: Driver = Driver.STREAM) -> SparkSession:
    """The process's Spark session; a new one is configured as in `spark_configuration`."""
    from pyspark.sql import SparkSession

    prepare_environment(settings)
    session = SparkSession.builder.config(map={**spark_configuration(settings, driver)}).getOrCreate()
    hand_over_secrets(session, settings)
    session.sparkContext.setLogLevel("WARN")
    return session


def _s3a(settings: Settings) -> dict[str, str]:
    # S3 has no rename. The magic committer writes each file once, and makes all visible at the end.
    # https://hadoop.apache.org/docs/r3.3.4/hadoop-aws/tools/hadoop-aws/committers.html
    options = {
        "committer.name": "magic",
        "committer.magic.enabled": "true",
        # By default the AWS SDK makes 20 attempts within each of S3A's 8, so a run would hang before it fails.
        "attempts.maximum": "3",
        "retry.limit": "7",
        "path.style.access": "true" if settings.s3_endpoint_url else "false",
        "endpoint": settings.s3_endpoint_url,
        "endpoint.region": settings.s3_region,
        "connection.ssl.enabled": "false" if (settings.s3_endpoint_url or "").startswith("http://") else "true",
    }
    return {f"spark.hadoop.fs.s3a.{name}": value for name, value in options.items() if value is not None} | {
        "spark.sql.sources.commitProtocolClass": "org.apache.spark.internal.io.cloud.PathOutputCommitProtocol",
        "spark.sql.parquet.output.committer.class": "org.apache.spark.internal.io.cloud.BindingParquetOutputCommitter",
    }


def _cassandra(settings: Settings) -> dict[str, str]:
    return {
        **spark_cassandra_options(settings),
        # The connector's defaults (5 and 1 KiB) leave a small cluster idle.
        "spark.cassandra.output.concurrent.writes": "16",
        "spark.cassandra.output.batch.size.bytes": "65536",
        # A node that accepts but does not answer counts as unavailable after one minute instead of two. Slow writes
        # (over the node's two seconds) are retried many times within it.
        "spark.cassandra.read.timeoutMS": "60000",
    }
