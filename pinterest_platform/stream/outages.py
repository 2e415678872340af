"""Which failures the stream waits out, instead of ending: a server that is away, or a transaction that may be repeated.

Belongs here: telling them apart, in a sentence that is true of them. Everything else is an error that ends the run, and
is told as what it is. Does not belong here: waiting (`stream.loop`), and what PostgreSQL refuses of a batch
(`stream.refused_records`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import psycopg
from kafka.errors import KafkaError

from pinterest_platform.settings import Settings
from pinterest_platform.stores.kafka import TopicUnavailableError

# https://www.postgresql.org/docs/15/errcodes-appendix.html
# Connection exceptions, and the operator's interventions: it stops, or has not started yet.
_IS_AWAY = ("08", "57P")
# A disk that is full, no memory, no connection left.
_HAS_NO_ROOM = ("53",)
# Serialisation failures and deadlocks, a lock that was not to be had, a statement that took too long.
_TO_BE_REPEATED = ("40", "55P03", "57014")
# A connection that was refused has no SQLSTATE, only PostgreSQL's words. These say that it is there and refuses us.
_REFUSES_US = re.compile(
    r"authentication failed|no pg_hba\.conf entry|database \".*\" does not exist|role \".*\" does not exist|"
    r"is not permitted to log in|permission denied for database|certificate|no password supplied",
    re.IGNORECASE,
)
# What Kafka's Java client raises while a broker is away or has just come back, as it stands in Spark's own error.
_KAFKA_IS_AWAY = re.compile(
    r"org\.apache\.kafka\.common\.errors\.(Timeout|Disconnect|Network|LeaderNotAvailable|NotLeaderOrFollower|"
    r"CoordinatorNotAvailable|BrokerNotAvailable|UnknownTopicOrPartition|UnknownTopicId|Retriable)Exception"
    r"|Cannot fetch record for offset|Failed to get records for|Timeout of \d+ms expired"
)
_LONGEST_PAUSE_SECONDS = 5.0


def outage_of(error: BaseException, settings: Settings) -> str | None:
    """What is waited for, as a sentence; None where the failure is of another kind."""
    if isinstance(error, psycopg.Error):
        return _postgres_outage(error, settings)
    if isinstance(error, TopicUnavailableError):
        return str(error)
    if isinstance(error, KafkaError) or _KAFKA_IS_AWAY.search(str(error)):
        return f"Kafka at {settings.kafka_bootstrap_servers} is away or not ready ({_first_line(error)})."
    return None


def is_postgres_outage(error: psycopg.Error) -> bool:
    """Whether it is away, or says that it cannot take anything from anybody now."""
    return _is_away(error) or (error.sqlstate or "").startswith(_HAS_NO_ROOM)


def may_be_repeated(error: psycopg.Error) -> bool:
    """Whether the transaction failed for what others did at that moment: the same one may pass a little later."""
    return error.sqlstate is not None and error.sqlstate.startswith(_TO_BE_REPEATED)


def pauses() -> Iterator[float]:
    """Seconds to wait before each further attempt: longer each time, and short enough to be back soon after."""
    seconds = 0.5
    while True:
        yield seconds
        seconds = min(2 * seconds, _LONGEST_PAUSE_SECONDS)


def _postgres_outage(error: psycopg.Error, settings: Settings) -> str | None:
    postgres = f"PostgreSQL at {settings.postgres_host}:{settings.postgres_port}"
    if _is_away(error):
        return f"{postgres} is away ({_first_line(error)})."
    if is_postgres_outage(error):
        return f"{postgres} has no room ({_first_line(error)})."
    if may_be_repeated(error):
        return f"{postgres} did not finish a transaction, which is tried again ({_first_line(error)})."
    return None


def _is_away(error: psycopg.Error) -> bool:
    if error.sqlstate is not None:
        return error.sqlstate.startswith(_IS_AWAY)
    is_about_the_connection = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    return is_about_the_connection and not _REFUSES_US.search(str(error))


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
