"""The Spark session's configuration: master, memory, jars, S3A, the Cassandra connector.

Belongs here: what a session must know to run on its master and to reach the other stores. Does not belong here:
transforms.
"""

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
    """Everything that `SparkSession.builder.config` is given, by key; nothing secret, since Dagster shows it.

    Args:
        settings: where the other stores are, and which master to run on.
        driver: what the driver's JVM is made for.
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
        # What the UI would remember is remembered without it too: a stream has three jobs a second for months.
        "spark.ui.retainedJobs": "50",
        "spark.ui.retainedStages": "50",
        "spark.ui.retainedTasks": "500",
        "spark.sql.ui.retainedExecutions": "20",
        # What a batch of the stream leaves goes with a collection, or the heap grows to its limit before one comes.
        "spark.cleaner.periodicGC.interval": "2min",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "4",
        # Spark lists many files by a job, with a task for each unless told otherwise: a task costs more than to look.
        "spark.sql.sources.parallelPartitionDiscovery.parallelism": "8",
        **_s3a(settings),
        **_cassandra(settings),
        **settings.spark_options,
    }


def prepare_environment(settings: Settings) -> None:
    """Set what Spark reads from its process's environment: the driver's JRE and Python."""
    os.environ["JAVA_HOME"] = str(settings.java_home)
    os.environ["PYSPARK_PYTHON"] = sys.executable


def hand_over_secrets(session: SparkSession, settings: Settings) -> None:
    """Tell a session the keys and passwords, which travel to its executors with each job.

    They are set on the session rather than in its configuration, which Dagster's UI shows, and Spark's too.
    """
    if settings.s3_access_key and settings.s3_secret_key:
        hadoop = session.sparkContext._jsc.hadoopConfiguration()
        hadoop.set("fs.s3a.access.key", settings.s3_access_key)
        hadoop.set("fs.s3a.secret.key", settings.s3_secret_key.get_secret_value())
    for name, value in spark_cassandra_secrets(settings).items():
        session.conf.set(name, value)


def s3a_url(bucket: ObjectStore, key: str) -> str:
    """How Spark names the object, or the folder, in the bucket."""
    return f"s3a://{bucket.name}/{key}"


def open_session(settings: Settings, driver: Driver = Driver.STREAM) -> SparkSession:
    """A new session, whose driver is as in `spark_configuration`, or the process's own one."""
    from pyspark.sql import SparkSession

    prepare_environment(settings)
    session = SparkSession.builder.config(map={**spark_configuration(settings, driver)}).getOrCreate()
    hand_over_secrets(session, settings)
    session.sparkContext.setLogLevel("WARN")
    return session


def _s3a(settings: Settings) -> dict[str, str]:
    # The magic committer writes each file once and makes all of them visible at the end: S3 has no rename.
    # https://hadoop.apache.org/docs/r3.3.4/hadoop-aws/tools/hadoop-aws/committers.html
    options = {
        "committer.name": "magic",
        "committer.magic.enabled": "true",
        # By default the AWS SDK makes 20 attempts within each of S3A's 8: a run would hang for long before it fails.
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
        # One that accepts and does not answer is away after a minute, and not after two. What took longer than a node's
        # own two seconds for a write was tried anew within it, many times.
        "spark.cassandra.read.timeoutMS": "60000",
    }
