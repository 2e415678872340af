"""For an unavailable store, every client's error says which one, where it is and what to do."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cassandra import InvalidRequest, OperationTimedOut, ReadTimeout, Unavailable, WriteTimeout, WriteType
from cassandra.connection import ConnectionShutdown
from cassandra.protocol import OverloadedErrorMessage
from py4j.protocol import Py4JError, Py4JJavaError  # type: ignore[import-untyped]
from pydantic import SecretStr

from pinterest_platform.settings import Settings
from pinterest_platform.stores.cassandra import CassandraUnavailableError, failures_of_driver_in_words, open_session
from pinterest_platform.stores.s3 import S3UnavailableError, open_bucket
from pinterest_platform.stores.spark_failures import SparkLostError, failures_in_words, is_refused_by_cassandra

NOWHERE = Settings(
    s3_endpoint_url="http://127.0.0.1:9", s3_access_key="key", s3_secret_key=SecretStr("secret"), cassandra_port=9
)


# What the connector says of whatever kept its rows from being written.
FAILED_TO_WRITE = (
    "java.io.IOException: Failed to write statements to pinterest_data.pinterest_batch. The\nlatest exception was\n"
)


class JavaError(Py4JJavaError):  # type: ignore[misc]
    """With a text of its own, and no JVM behind it."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __str__(self) -> str:
        return self._text


def test_s3_that_nobody_serves_is_named_whatever_is_asked_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)  # between attempts
    bucket = open_bucket(NOWHERE)
    asked: list[Callable[[], object]] = [
        lambda: bucket.get("key"),
        lambda: list(bucket.list("prefix")),
        lambda: bucket.describe("key"),
        lambda: bucket.put("key", b"", {}),
        lambda: bucket.create("key", b"", {}),
        lambda: bucket.delete(["key"]),
    ]
    for ask in asked:
        with pytest.raises(S3UnavailableError, match=r"S3 at http://127.0.0.1:9 cannot be used .*make status.*again"):
            ask()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("java.io.IOException: com.amazonaws.SdkClientException: Unable to execute HTTP request", S3UnavailableError),
        (
            "java.io.IOException: Failed to write statements to pinterest_data.pinterest_batch. The\n"
            "latest exception was\n  All 1 node(s) tried for the query failed (showing first 1 nodes)",
            CassandraUnavailableError,
        ),
        ("com.datastax.oss.driver.api.core.AllNodesFailedException: All 1 node(s) tried", CassandraUnavailableError),
        (
            f"{FAILED_TO_WRITE}  Cassandra timeout during SIMPLE write query at consistency LOCAL_QUORUM (1 replica "
            "were required but only 0 acknowledged the write)",
            CassandraUnavailableError,
        ),
        (
            f"{FAILED_TO_WRITE}  Not enough replicas available for query at consistency LOCAL_QUORUM (2 required but "
            "only 1 alive)",
            CassandraUnavailableError,
        ),
        (f"{FAILED_TO_WRITE}  Query timed out after PT1M", CassandraUnavailableError),
    ],
)
def test_a_spark_job_names_the_store_that_went_away(text: str, expected: type[Exception]) -> None:
    with pytest.raises(expected, match="run the same days again"), failures_in_words(NOWHERE):
        raise JavaError(f"Job aborted due to stage failure: {text}")


def test_what_cassandra_refuses_is_no_absence() -> None:
    too_long = JavaError(f"{FAILED_TO_WRITE}  Key length of 70000 is longer than maximum of 65535")

    assert is_refused_by_cassandra(too_long)
    with pytest.raises(JavaError, match="Key length of 70000"), failures_in_words(NOWHERE):
        raise too_long


@pytest.mark.parametrize(
    "text",
    [f"{FAILED_TO_WRITE}  All 1 node(s) tried for the query failed", "java.lang.ArithmeticException: / by zero"],
)
def test_an_absence_or_a_fault_of_spark_is_no_refusal(text: str) -> None:
    assert not is_refused_by_cassandra(JavaError(text))


def test_a_cassandra_that_nobody_serves_is_named() -> None:
    with pytest.raises(CassandraUnavailableError, match="port 9, cannot be reached"), open_session(NOWHERE):
        pass


def test_a_name_that_nobody_knows_is_named() -> None:
    nobody = NOWHERE.model_copy(update={"cassandra_hosts": "nobody.invalid"})

    with pytest.raises(CassandraUnavailableError, match=r"Cassandra at nobody.invalid.*PINTEREST_CASSANDRA_HOSTS"):
        open_session(nobody).__enter__()


@pytest.mark.parametrize(
    "error",
    [
        OperationTimedOut("no answer"),
        ReadTimeout("replicas did not answer"),
        WriteTimeout("replicas did not answer", write_type=WriteType.SIMPLE),
        Unavailable("too few replicas"),
        ConnectionShutdown("gone"),
        OverloadedErrorMessage(0x1001, "busy", {}),
    ],
)
def test_nobody_who_answers_in_time_is_an_absence_whatever_the_driver_calls_it(error: Exception) -> None:
    with pytest.raises(CassandraUnavailableError, match=type(error).__name__), failures_of_driver_in_words(NOWHERE):
        raise error


def test_what_a_node_refuses_stays_what_it_is() -> None:
    with pytest.raises(InvalidRequest), failures_of_driver_in_words(NOWHERE):
        raise InvalidRequest("Key length of 70000 is longer than maximum of 65535")


def test_a_spark_job_that_fails_for_another_reason_says_it_itself() -> None:
    with pytest.raises(JavaError, match="ArithmeticException"), failures_in_words(NOWHERE):
        raise JavaError("java.lang.ArithmeticException: / by zero")


@pytest.mark.parametrize("error", [Py4JError("Answer from Java side is empty"), ConnectionRefusedError()])
def test_a_jvm_that_is_gone_is_a_sentence(error: Exception) -> None:
    with pytest.raises(SparkLostError, match="Run the same days again"), failures_in_words(NOWHERE):
        raise error
