"""Cassandra, as the platform uses it: the keyspace, and CQL from Python.

Its tables are in `stores.cassandra_tables`. Rows are written by `serving.pinterest_batch` and
`serving.category_popularity`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from pinterest_platform.connections import cassandra_driver_options
from pinterest_platform.settings import Settings
from pinterest_platform.stores.cassandra_migrations import apply_migrations, columns_of

_KEYSPACE = """
    CREATE KEYSPACE IF NOT EXISTS {keyspace}
    WITH replication = {{'class': 'NetworkTopologyStrategy', '{datacenter}': {replicas}}}"""
_HAS_KEYSPACE = "SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = %s"
_NO_SUCH_TABLE = "does not exist"  # "table slice_writes does not exist"
_ANSWER_SECONDS = 10.0
_STATEMENTS_AT_ONCE = 16


class CassandraUnavailableError(Exception):
    """No node of the cluster can be reached, or it refuses the user."""


class CassandraTablesMissingError(Exception):
    """The keyspace lacks a table or a column, since `create_tables` has not run since the platform was upgraded."""


def create_tables(settings: Settings) -> list[int]:
    """Create the keyspace, and bring its tables to the newest shape; returns the numbers of the steps it took."""
    with open_session(settings) as session:
        _create_keyspace(session, settings)
        return apply_migrations(session, settings.cassandra_keyspace)


def demand_columns(session: Any, settings: Settings, table: str, columns: Iterable[str]) -> None:
    """Refuse to go on with a table that an upgrade has not brought up to date.

    Raises:
        CassandraTablesMissingError: the table lacks some of these columns.
    """
    found = columns_of(session, settings.cassandra_keyspace, table)
    lacking = [name for name in columns if name not in found]
    if lacking:
        raise CassandraTablesMissingError(
            f"The table {table} in the keyspace {settings.cassandra_keyspace} of {_address(settings)} lacks "
            f"{', '.join(lacking)}, as after an upgrade: make run adds it, elsewhere create_tables (docs/cluster.md)."
        )


def _create_keyspace(session: Any, settings: Settings) -> None:
    # Asked first, because "if not exists" too demands a right that an application's role seldom has.
    if session.execute(_HAS_KEYSPACE, [settings.cassandra_keyspace]).one() is None:
        statement = _KEYSPACE.format(
            keyspace=settings.cassandra_keyspace,
            datacenter=settings.cassandra_datacenter,
            replicas=settings.cassandra_replication_factor,
        )
        session.execute(statement)


@contextmanager
def open_session(settings: Settings) -> Iterator[Any]:
    """A session of the Cassandra driver, closed at the end; what it reads and writes is `cassandra_consistency`.

    Raises:
        CassandraUnavailableError: no node answers, at first or later, in time, or it refuses the user.
        CassandraTablesMissingError: a table is asked for that is not there.
    """
    with failures_of_driver_in_words(settings):
        cluster = _cluster(settings)
        try:
            yield cluster.connect()
        finally:
            cluster.shutdown()


def _cluster(settings: Settings) -> Any:
    from cassandra import ConsistencyLevel
    from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile
    from cassandra.policies import DCAwareRoundRobinPolicy

    from pinterest_platform.stores.cassandra_retries import RepeatTimeouts

    profile = ExecutionProfile(
        load_balancing_policy=DCAwareRoundRobinPolicy(local_dc=settings.cassandra_datacenter),
        retry_policy=RepeatTimeouts(),
        consistency_level=ConsistencyLevel.name_to_value[settings.cassandra_consistency],
        # Of the statements that compare before they write: replicas of this datacenter agree among themselves.
        serial_consistency_level=ConsistencyLevel.LOCAL_SERIAL,
        request_timeout=_ANSWER_SECONDS,
    )
    return Cluster(
        **cassandra_driver_options(settings),
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        protocol_version=5,
        connect_timeout=_ANSWER_SECONDS,
    )


@contextmanager
def failures_of_driver_in_words(settings: Settings) -> Iterator[None]:
    """What the driver raises where nobody answers, or nobody in time; what a node refuses passes through."""
    from cassandra import InvalidRequest, OperationTimedOut, Timeout, Unavailable, UnresolvableContactPoints
    from cassandra.cluster import NoHostAvailable
    from cassandra.connection import ConnectionException
    from cassandra.protocol import IsBootstrappingErrorMessage, OverloadedErrorMessage

    try:
        yield
    except NoHostAvailable as error:
        raise _unavailable(settings, error.errors) from error
    except (
        OperationTimedOut,  # the driver's own patience
        Timeout,  # the coordinator's: it waited for replicas
        Unavailable,
        OverloadedErrorMessage,
        IsBootstrappingErrorMessage,
        ConnectionException,
        UnresolvableContactPoints,
    ) as error:
        raise cassandra_unavailable(settings, type(error).__name__) from error
    except InvalidRequest as error:
        if _NO_SUCH_TABLE not in str(error):
            raise
        raise CassandraTablesMissingError(
            f"A table is missing in the keyspace {settings.cassandra_keyspace} of {_address(settings)} as after an "
            f"upgrade ({error}): make run creates it, elsewhere create_tables (docs/cluster.md)."
        ) from error


def execute_all(session: Any, statement: str, values: Sequence[tuple[Any, ...]]) -> list[Any]:
    """Execute the statement with each of the values, many at a time; the results in their order.

    The first error is raised.
    """
    return _execute(session, statement, values, raise_on_first_error=True)


def attempt_all(session: Any, statement: str, values: Sequence[tuple[Any, ...]]) -> dict[int, str]:
    """Execute the statement with each of the values; returns, by their places, those that were refused, and why.

    An error that says nothing of the values is raised.
    """
    from cassandra import InvalidRequest, WriteFailure

    refused = {}
    for place, result in enumerate(_execute(session, statement, values, raise_on_first_error=False)):
        if isinstance(result, (InvalidRequest, WriteFailure)):
            refused[place] = _words_of(result)
        elif isinstance(result, Exception):
            raise result
    return refused


def _execute(session: Any, statement: str, values: Sequence[tuple[Any, ...]], raise_on_first_error: bool) -> list[Any]:
    from cassandra.concurrent import execute_concurrent_with_args

    if not values:
        return []
    results = execute_concurrent_with_args(
        session, session.prepare(statement), values, _STATEMENTS_AT_ONCE, raise_on_first_error
    )
    return [result for _, result in results]


def _words_of(error: Exception) -> str:
    """What the server says, without what the driver puts around it."""
    told = re.search('message="(.*)"', str(error), re.DOTALL)
    return told[1] if told else str(error)


def cassandra_unavailable(settings: Settings, reason: str) -> CassandraUnavailableError:
    """The sentence for whoever could not reach Cassandra."""
    return CassandraUnavailableError(
        f"{_address(settings)} cannot be reached ({reason}): see that it runs (make status) and that "
        f"PINTEREST_CASSANDRA_HOSTS names it, then run the same days again."
    )


def _unavailable(settings: Settings, errors: Mapping[Any, Exception]) -> CassandraUnavailableError:
    from cassandra import AuthenticationFailed

    if any(isinstance(error, AuthenticationFailed) for error in errors.values()):
        user = settings.cassandra_user or "anonymous"
        return CassandraUnavailableError(
            f"{_address(settings)} refuses the user {user}: "
            f"see PINTEREST_CASSANDRA_USER and PINTEREST_CASSANDRA_PASSWORD."
        )
    return cassandra_unavailable(settings, "; ".join(sorted({str(error) for error in errors.values()})))


def _address(settings: Settings) -> str:
    return f"Cassandra at {settings.cassandra_hosts}, port {settings.cassandra_port},"
