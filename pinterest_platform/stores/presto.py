"""Presto: runs one SQL statement over Cassandra and PostgreSQL.

The statements are in `infra/presto/queries`, read by `stores.saved_queries`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pinterest_platform.settings import Settings

_BOTH_CATALOGS = """
    SELECT (SELECT count(*) FROM cassandra.{keyspace}.category_popularity WHERE period_kind = 'day' AND period = ''),
        (SELECT count(*) FROM postgresql.public.stream_progress)"""
_ANSWER_SECONDS = 30.0  # per request; Presto answers each within seconds, however long the query takes
# Errors of Presto's Cassandra and PostgreSQL drivers when their server is unavailable.
_CASSANDRA_UNAVAILABLE = (
    "All host(s) tried",
    "NoHostAvailable",
    "Cluster has been closed",
    "Not enough replicas available",
    "Cassandra timeout during",
    "driver.core.exceptions.TransportException",
    "driver.core.exceptions.ConnectionException",  # the connection closed during the query
    "driver.core.exceptions.OperationTimedOutException",
    "] Connection has been closed",
)
_POSTGRES_UNAVAILABLE = (
    "Connection to",
    "connection attempt failed",
    "terminating connection",
    "I/O error occurred",
    "This connection has been closed",
)
_IS_STARTING = ("NO_NODES_AVAILABLE", "SERVER_STARTING_UP")


class PrestoUnavailableError(Exception):
    """Presto, or a store behind it, cannot be reached."""


class QueryRefusedError(Exception):
    """Presto does not understand the query, must not run it, or could not finish it."""


@dataclass(frozen=True)
class Answer:
    """The rows of an answer, with the names and Presto types of their columns.

    Dates and times are text as Presto formats them. Times are in UTC.
    """

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: list[tuple[Any, ...]]


def ask(settings: Settings, query: str) -> Answer:
    """Run one statement to its end. An interrupt (Ctrl-C) also cancels it in Presto.

    Raises:
        PrestoUnavailableError: Presto, Cassandra or PostgreSQL is unavailable. For Cassandra this takes up to 10 s.
        QueryRefusedError: the query is wrong, too large, or writes.
    """
    import requests
    from prestodb import exceptions

    cursor = _connect(settings).cursor()
    try:
        rows = cursor.execute(query).fetchall()
    except exceptions.PrestoQueryError as error:
        raise _in_words(settings, error) from error
    except (requests.RequestException, exceptions.HttpError) as error:
        raise PrestoUnavailableError(
            f"Presto at {settings.presto_host}, port {settings.presto_port}, does not answer ({type(error).__name__}): "
            f"see that it runs (make status), and that PINTEREST_PRESTO_HOST and _PORT name it."
        ) from error
    except KeyboardInterrupt:
        cursor.cancel()
        raise
    described = cursor.description or ()
    return Answer(
        tuple(column[0] for column in described), tuple(column[1] for column in described), list(map(tuple, rows))
    )


def ask_both_catalogs(settings: Settings) -> None:
    """Run a tiny query over Cassandra and PostgreSQL. Raises what `ask` raises."""
    ask(settings, _BOTH_CATALOGS.format(keyspace=settings.cassandra_keyspace))


def _connect(settings: Settings) -> Any:
    import prestodb

    return prestodb.dbapi.connect(
        host=settings.presto_host,
        port=settings.presto_port,
        user=settings.presto_user,
        source="pinterest_platform",
        catalog="cassandra",
        schema=settings.cassandra_keyspace,
        max_attempts=1,  # the client would wait longer and longer for an unavailable server
        request_timeout=_ANSWER_SECONDS,
    )


def _in_words(settings: Settings, error: Any) -> Exception:
    told = f"{error.error_name} {error.message} {_causes(error.failure_info)}"
    if any(words in told for words in _CASSANDRA_UNAVAILABLE):
        return _unavailable("Cassandra", f"{settings.cassandra_hosts}, port {settings.cassandra_port}", error.message)
    if error.error_name == "JDBC_ERROR" and any(words in told for words in _POSTGRES_UNAVAILABLE):
        return _unavailable("PostgreSQL", f"{settings.postgres_host}, port {settings.postgres_port}", error.message)
    if error.error_name in _IS_STARTING:
        return PrestoUnavailableError(f"Presto is still starting ({error.error_name}): ask again in a few seconds.")
    return QueryRefusedError(f"Presto refused the query ({error.error_name}): {error.message}")


def _unavailable(store: str, address: str, reason: str) -> PrestoUnavailableError:
    return PrestoUnavailableError(
        f"{store} at {address}, cannot be reached by Presto ({reason}): see that it runs (make status), then ask again."
    )


def _causes(failure: Any) -> str:
    """The nested failures, which name the driver's own errors."""
    told = []
    while failure:
        told.append(f"{failure.get('type')}: {failure.get('message')}")
        failure = failure.get("cause")
    return " ".join(told)
