"""Cassandra: the keyspace, its tables, sessions, and running CQL from Python.

Rows are written by `serving.pinterest_batch` and `serving.category_popularity`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from pinterest_platform.connections import cassandra_driver_options
from pinterest_platform.settings import Settings

PINTEREST_BATCH = """
    CREATE TABLE IF NOT EXISTS {keyspace}.pinterest_batch (
        ingest_date date, category text, unique_id text, index_id bigint, title text, description text,
        poster_name text, follower_count bigint, tag_list text, is_image_or_video text, image_src text,
        downloaded int, save_location text, event_id text, ingested_at timestamp,
        kafka_partition int, kafka_offset bigint,
        PRIMARY KEY ((ingest_date, category), unique_id)
    )"""
# Which partitions of pinterest_batch a day has: without it, a reader of a day would have to scan all tokens.
PINTEREST_BATCH_CATEGORIES = """
    CREATE TABLE IF NOT EXISTS {keyspace}.pinterest_batch_categories (
        ingest_date date, category text, PRIMARY KEY (ingest_date, category)
    )"""
# The clustering order is the ranking: the most popular category of a period is the first row of its partition.
CATEGORY_POPULARITY = """
    CREATE TABLE IF NOT EXISTS {keyspace}.category_popularity (
        period_kind text, period text, rank int, category text,
        posts bigint, distinct_pins bigint, distinct_posters bigint,
        PRIMARY KEY ((period_kind, period), rank, category)
    )"""
# What Cassandra refused of a day, each row with its words: clean rows = pinterest_batch + these.
PINTEREST_BATCH_REJECTS = """
    CREATE TABLE IF NOT EXISTS {keyspace}.pinterest_batch_rejects (
        ingest_date date, kafka_partition int, kafka_offset bigint, unique_id text, category text, reason text,
        PRIMARY KEY (ingest_date, kafka_partition, kafka_offset)
    )"""
# The highest write time that somebody has taken for a slice, and the highest whose rows are all there.
SLICE_WRITES = """
    CREATE TABLE IF NOT EXISTS {keyspace}.slice_writes (
        table_name text, slice text, taken bigint, written bigint, PRIMARY KEY ((table_name, slice))
    )"""
TABLES = (PINTEREST_BATCH, PINTEREST_BATCH_CATEGORIES, PINTEREST_BATCH_REJECTS, CATEGORY_POPULARITY, SLICE_WRITES)
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
    """The keyspace lacks a table, since `create_tables` has not run since the platform was upgraded."""


def create_tables(settings: Settings) -> None:
    """Create the keyspace and those of its tables that are not there: of an older installation, the newer ones."""
    with open_session(settings) as session:
        _create_keyspace(session, settings)
        for statement in TABLES:
            session.execute(statement.format(keyspace=settings.cassandra_keyspace))


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
