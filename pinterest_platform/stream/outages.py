"""Tells outages, which the stream waits for, from errors, which end the run.

An outage is a server that is unavailable, or a transaction that may be repeated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import psycopg
from kafka.errors import KafkaError

from pinterest_platform.settings import Settings
from pinterest_platform.stores.kafka import TopicUnavailableError

# https://www.postgresql.org/docs/15/errcodes-appendix.html
# Connection exceptions, and operator intervention: PostgreSQL stops, or has not started yet.
_SQLSTATES_UNAVAILABLE = ("08", "57P")
# Disk full, out of memory, too many connections.
_HAS_NO_ROOM = ("53",)
# Serialisation failures and deadlocks, lock timeouts, cancelled statements.
_TO_BE_REPEATED = ("40", "55P03", "57014")
# A refused connection has no SQLSTATE, only a message. These messages say that PostgreSQL is up and refuses us.
_REFUSES_US = re.compile(
    r"authentication failed|no pg_hba\.conf entry|database \".*\" does not exist|role \".*\" does not exist|"
    r"is not permitted to log in|permission denied for database|certificate|no password supplied",
    re.IGNORECASE,
)
# Errors of Kafka's Java client while a broker is unavailable or has just come back, as they appear in Spark's error.
_KAFKA_UNAVAILABLE = re.compile(
    r"org\.apache\.kafka\.common\.errors\.(Timeout|Disconnect|Network|LeaderNotAvailable|NotLeaderOrFollower|"
    r"CoordinatorNotAvailable|BrokerNotAvailable|UnknownTopicOrPartition|UnknownTopicId|Retriable)Exception"
    r"|Cannot fetch record for offset|Failed to get records for|Timeout of \d+ms expired"
)
_LONGEST_PAUSE_SECONDS = 5.0


def outage_of(error: BaseException, settings: Settings) -> str | None:
    """What the stream waits for, as a sentence; None if the error is not an outage."""
    if isinstance(error, psycopg.Error):
        return _postgres_outage(error, settings)
    if isinstance(error, TopicUnavailableError):
        return str(error)
    if isinstance(error, KafkaError) or _KAFKA_UNAVAILABLE.search(str(error)):
        return f"Kafka at {settings.kafka_bootstrap_servers} is unavailable or not ready ({_first_line(error)})."
    return None


def is_postgres_outage(error: psycopg.Error) -> bool:
    """Whether PostgreSQL is unavailable, or cannot accept anything from anybody now."""
    return _is_unavailable(error) or (error.sqlstate or "").startswith(_HAS_NO_ROOM)


def may_be_repeated(error: psycopg.Error) -> bool:
    """Whether the transaction failed because of concurrent ones, so that the same one may pass a little later."""
    return error.sqlstate is not None and error.sqlstate.startswith(_TO_BE_REPEATED)


def pauses() -> Iterator[float]:
    """Seconds to wait before each further attempt. They grow, but stay short enough to resume soon after an outage."""
    seconds = 0.5
    while True:
        yield seconds
        seconds = min(2 * seconds, _LONGEST_PAUSE_SECONDS)


def _postgres_outage(error: psycopg.Error, settings: Settings) -> str | None:
    postgres = f"PostgreSQL at {settings.postgres_host}:{settings.postgres_port}"
    if _is_unavailable(error):
        return f"{postgres} is unavailable ({_first_line(error)})."
    if is_postgres_outage(error):
        return f"{postgres} has no resources left ({_first_line(error)})."
    if may_be_repeated(error):
        return f"{postgres} did not finish a transaction, which is tried again ({_first_line(error)})."
    return None


def _is_unavailable(error: psycopg.Error) -> bool:
    if error.sqlstate is not None:
        return error.sqlstate.startswith(_SQLSTATES_UNAVAILABLE)
    is_about_the_connection = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    return is_about_the_connection and not _REFUSES_US.search(str(error))


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
