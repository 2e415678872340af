"""Turns failed Spark jobs into sentences: which store is unavailable, or that Spark's JVM has ended.

Spark raises a page of Java with the cause at its end. Other failures are raised unchanged.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from py4j.protocol import Py4JError, Py4JJavaError  # type: ignore[import-untyped]
from pyspark.errors import PySparkException

from pinterest_platform.settings import Settings
from pinterest_platform.stores.cassandra import cassandra_unavailable
from pinterest_platform.stores.s3 import s3_unavailable

_S3_SIGNS = ("com.amazonaws.SdkClientException", "com.amazonaws.services.s3.model.AmazonS3Exception")
_CASSANDRA_SIGNS = (
    "node(s) tried for the query failed",  # a task's error; the exception's name is lost on the way to the driver
    "No node was available to execute the query",
    "AllNodesFailedException",
    "NoNodeAvailableException",
    "DriverTimeoutException",
    "ClosedConnectionException",
    "Cassandra timeout during",  # replicas did not answer the coordinator in time
    "Not enough replicas available",
    "is overloaded",
    "Query timed out after",  # the driver's own timeout
    "HeartbeatException",
    "Could not open native connection to Cassandra",
    "Failed to open native connection to Cassandra",
)


_REFUSED_BY_CASSANDRA = "Failed to write statements to"


class SparkLostError(Exception):
    """The run's JVM ended before its work was done."""


@contextmanager
def failures_in_words(settings: Settings) -> Iterator[None]:
    """Raise a sentence if a Spark job fails because a store or Spark itself is unavailable.

    Raises:
        S3UnavailableError: S3 did not answer until Spark gave up.
        CassandraUnavailableError: Cassandra did not answer until Spark gave up.
        SparkLostError: the JVM has ended.
    """
    try:
        yield
    except (Py4JError, PySparkException, ConnectionError) as error:
        absence = _absence(error, settings)
        if absence is None:
            raise
        raise absence from error


def is_refused_by_cassandra(error: Py4JError) -> bool:
    """Whether Cassandra was available and refused what a Spark job wrote."""
    text = str(error)
    return _REFUSED_BY_CASSANDRA in text and not any(sign in text for sign in _CASSANDRA_SIGNS)


def _absence(error: Exception, settings: Settings) -> Exception | None:
    if not isinstance(error, (Py4JJavaError, PySparkException)):
        return SparkLostError(
            "Spark's JVM has ended before its work was done: it was killed, or the machine ran out of memory. "
            "Run the same days again. PINTEREST_SPARK_DRIVER_MEMORY limits its heap."
        )
    text = str(error)
    if any(sign in text for sign in _S3_SIGNS):
        return s3_unavailable(settings.s3_endpoint_url, "Spark gave up")
    if any(sign in text for sign in _CASSANDRA_SIGNS):
        return cassandra_unavailable(settings, "Spark gave up")
    return None
