"""Cassandra: creates the keyspace and its tables, and executes CQL from Python.

The tables are in `stores.cassandra_tables`. `serving.pinterest_batch` and `serving.category_popularity` write the rows.
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
_NO_SUCH_TABLE = "does not exist"  # as in "table slice_writes does not exist"
_ANSWER_SECONDS = 10.0
_STATEMENTS_AT_ONCE = 16
# A node holds a page in its heap. The default of 5,000 rows is 160 MB of events of 32 KiB.
_PAGE_ROWS = 500


class CassandraUnavailableError(Exception):
    """No node of the cluster can be reached, or it refuses the user."""


class CassandraTablesMissingError(Exception):
    """The keyspace lacks a table or column, because `create_tables` has not run since the platform was upgraded."""


def create_tables(settings: Settings) -> list[int]:
    """Create the keyspace and apply the missing migrations; returns their numbers.

    Raises:
        CassandraUnavailableError: as for `open_session`.
        CassandraSchemaError: the nodes do not agree, or another process does not release the lock.
    """
    with open_session(settings) as session:
        _create_keyspace(session, settings)
        return apply_migrations(session, settings.cassandra_keyspace)


def demand_columns(session: Any, settings: Settings, table: str, columns: Iterable[str]) -> None:
    """Require that the table has these columns, as it does after its migrations.

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
    # Checked first, because even CREATE … IF NOT EXISTS needs a permission that an application's role rarely has.
    if session.execute(_HAS_KEYSPACE, [settings.cassandra_keyspace]).one() is None:
        statement = _KEYSPACE.format(
            keyspace=settings.cassandra_keyspace,
            datacenter=settings.cassandra_datacenter,
            replicas=settings.cassandra_replication_factor,
        )
        session.execute(statement)


@contextmanager
def open_session(settings: Settings) -> Iterator[Any]:
    """A session of the Cassandra driver, closed at the end. Its consistency level is `cassandra_consistency`.

    Raises:
        CassandraUnavailableError: no node answers in time, now or within the block, or it refuses the user.
        CassandraTablesMissingError: a statement names a table that does not exist.
    """
    with failures_of_driver_in_words(settings):
        cluster = _cluster(settings)
        try:
            session = cluster.connect()
            session.default_fetch_size = _PAGE_ROWS
            yield session
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
        # For compare-and-set: agreement among the replicas of this datacenter is enough.
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
    """Turn the driver's errors about unavailable nodes and missing tables into sentences. Other errors pass through.

    Raises:
        CassandraUnavailableError: no node answers, or none in time.
        CassandraTablesMissingError: a statement names a table that does not exist.
    """
    from cassandra import InvalidRequest, OperationTimedOut, Timeout, Unavailable, UnresolvableContactPoints
    from cassandra.cluster import NoHostAvailable
    from cassandra.connection import ConnectionException
    from cassandra.protocol import IsBootstrappingErrorMessage, OverloadedErrorMessage

    try:
        yield
    except NoHostAvailable as error:
        raise _unavailable(settings, error.errors) from error
    except (
        OperationTimedOut,  # the driver's own timeout
        Timeout,  # the coordinator's timeout for its replicas
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
    """Execute the statement once per tuple of values, concurrently; returns the results in the same order.

    Raises:
        Exception: the driver's first error.
    """
    return _execute(session, statement, values, raise_on_first_error=True)


def attempt_all(session: Any, statement: str, values: Sequence[tuple[Any, ...]]) -> dict[int, str]:
    """Execute the statement once per tuple of values, concurrently; returns Cassandra's reasons for those it refused.

    Returns:
        The reasons by the position of the refused values.

    Raises:
        Exception: a driver's error that is not about the values.
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
    """The server's own message, without the text that the driver puts around it."""
    told = re.search('message="(.*)"', str(error), re.DOTALL)
    return told[1] if told else str(error)


def cassandra_unavailable(settings: Settings, reason: str) -> CassandraUnavailableError:
    """The error for an unreachable Cassandra: where it should be, the reason, and what to do."""
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
