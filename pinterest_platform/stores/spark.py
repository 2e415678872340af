"""The Spark session's configuration: memory, jars, S3A, the Cassandra connector.

Belongs here: what a session must know to reach the other stores. Does not belong here: transforms.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from pinterest_platform.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# The JVM interprets methods above 8,000 bytes of code for ever, and Spark writes such methods for wide rows.
_JAVA_OPTIONS = "-XX:-DontCompileHugeMethods"


def spark_configuration(settings: Settings) -> dict[str, str]:
    """Everything that `SparkSession.builder.config` is given, by key."""
    return {
        "spark.app.name": "pinterest-platform",
        "spark.master": settings.spark_master,
        "spark.driver.memory": settings.spark_driver_memory,
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.extraJavaOptions": _JAVA_OPTIONS,
        "spark.executor.extraJavaOptions": _JAVA_OPTIONS,
        "spark.driver.extraClassPath": settings.spark_class_path,
        "spark.executor.extraClassPath": settings.spark_class_path,
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "4",
        **_s3a(settings),
        **_cassandra(settings),
    }


def prepare_environment(settings: Settings) -> None:
    """Set what Spark reads from its process's environment: the JRE, the Python, the keys of S3.

    The keys stay out of the configuration because Dagster shows a resource's configuration in its UI.
    """
    os.environ["JAVA_HOME"] = str(settings.java_home)
    os.environ["PYSPARK_PYTHON"] = sys.executable
    if settings.s3_access_key and settings.s3_secret_key:
        os.environ["AWS_ACCESS_KEY_ID"] = settings.s3_access_key
        os.environ["AWS_SECRET_ACCESS_KEY"] = settings.s3_secret_key.get_secret_value()


def open_session(settings: Settings) -> SparkSession:
    """A new session, or the process's own one."""
    from pyspark.sql import SparkSession

    prepare_environment(settings)
    session = SparkSession.builder.config(map={**spark_configuration(settings)}).getOrCreate()
    session.sparkContext.setLogLevel("WARN")
    return session


def _s3a(settings: Settings) -> dict[str, str]:
    # The magic committer writes each file once and makes all of them visible at the end: S3 has no rename.
    # https://hadoop.apache.org/docs/r3.3.4/hadoop-aws/tools/hadoop-aws/committers.html
    options = {
        "committer.name": "magic",
        "committer.magic.enabled": "true",
        "path.style.access": "true" if settings.s3_endpoint_url else "false",
        "endpoint": settings.s3_endpoint_url,
        "connection.ssl.enabled": "false" if (settings.s3_endpoint_url or "").startswith("http://") else "true",
    }
    return {f"spark.hadoop.fs.s3a.{name}": value for name, value in options.items() if value is not None} | {
        "spark.sql.sources.commitProtocolClass": "org.apache.spark.internal.io.cloud.PathOutputCommitProtocol",
        "spark.sql.parquet.output.committer.class": "org.apache.spark.internal.io.cloud.BindingParquetOutputCommitter",
    }


def _cassandra(settings: Settings) -> dict[str, str]:
    return {
        "spark.cassandra.connection.host": settings.cassandra_hosts,
        "spark.cassandra.connection.port": str(settings.cassandra_port),
        # The connector's defaults (5 and 1 KiB) leave a small cluster idle.
        "spark.cassandra.output.concurrent.writes": "32",
        "spark.cassandra.output.batch.size.bytes": "8192",
    }
