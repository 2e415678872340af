"""Which errors the stream waits out."""

from __future__ import annotations

from itertools import islice

import psycopg
import pytest
from kafka.errors import KafkaTimeoutError

from pinterest_platform.settings import Settings
from pinterest_platform.stores.kafka import TopicUnavailableError
from pinterest_platform.stream.outages import outage_of, pauses
from pinterest_platform.stream.query import StreamOffsetsLostError

SPARK_WITHOUT_A_BROKER = """[STREAM_FAILED] Query [id = 1, runId = 2] terminated with exception: Call failed
Caused by: org.apache.kafka.common.errors.TimeoutException: Timed out waiting for a node assignment."""


@pytest.mark.parametrize(
    ("error", "server"),
    [
        (psycopg.OperationalError("the server closed the connection\n"), "PostgreSQL at 127.0.0.1:5432 is unavailable"),
        (psycopg.errors.AdminShutdown("terminating connection"), "PostgreSQL at 127.0.0.1:5432 is unavailable"),
        (
            psycopg.errors.CannotConnectNow("the database system is starting up"),
            "PostgreSQL at 127.0.0.1:5432 is unavailable",
        ),
        (psycopg.errors.DiskFull("could not extend file"), "PostgreSQL at 127.0.0.1:5432 has no resources left"),
        (psycopg.errors.ConnectionTimeout("connection timeout expired"), "PostgreSQL at 127.0.0.1:5432 is unavailable"),
        (
            psycopg.OperationalError("FATAL:  sorry, too many clients already"),
            "PostgreSQL at 127.0.0.1:5432 is unavailable",
        ),
        (psycopg.InterfaceError("the connection is closed"), "PostgreSQL at 127.0.0.1:5432 is unavailable"),
        (TopicUnavailableError("Kafka does not serve the topic"), "Kafka does not serve the topic"),
        (KafkaTimeoutError("no answer"), "Kafka at 127.0.0.1:9092 is unavailable"),
        (RuntimeError(SPARK_WITHOUT_A_BROKER), "Kafka at 127.0.0.1:9092 is unavailable"),
    ],
)
def test_a_server_that_is_away_is_named(error: Exception, server: str) -> None:
    assert str(outage_of(error, Settings())).startswith(server)


@pytest.mark.parametrize(
    "error",
    [
        psycopg.errors.DeadlockDetected("deadlock detected"),
        psycopg.errors.LockNotAvailable("canceling statement due to lock timeout"),
        psycopg.errors.QueryCanceled("canceling statement due to statement timeout"),
    ],
)
def test_what_others_did_to_a_transaction_is_no_absence_and_is_tried_again(error: psycopg.Error) -> None:
    assert str(outage_of(error, Settings())).startswith(
        "PostgreSQL at 127.0.0.1:5432 did not finish a transaction, which is tried again"
    )


@pytest.mark.parametrize(
    "error",
    [
        psycopg.errors.ProgramLimitExceeded("index row size 5024 exceeds btree version 4 maximum 2704"),
        psycopg.errors.UndefinedColumn("column does not exist"),
        psycopg.errors.ReadOnlySqlTransaction("cannot execute INSERT in a read-only transaction"),
        psycopg.OperationalError('FATAL:  password authentication failed for user "pinterest"'),
        psycopg.OperationalError('FATAL:  database "pinterest" does not exist'),
        psycopg.errors.NotNullViolation("null value"),
        StreamOffsetsLostError("the topic was recreated"),
        RuntimeError("[STREAM_FAILED] java.lang.IllegalStateException: Partition offset was changed from 9 to 3"),
        ValueError("a mistake of ours"),
    ],
)
def test_every_other_failure_ends_the_stream(error: Exception) -> None:
    assert outage_of(error, Settings()) is None


def test_pauses_grow_and_stay_short() -> None:
    assert list(islice(pauses(), 6)) == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0]
