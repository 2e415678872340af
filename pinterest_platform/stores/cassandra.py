"""Cassandra, as the platform uses it: the keyspace, its tables, and CQL from Python.

Belongs here: table definitions and sessions. Rows are written elsewhere (`batch.serving`, `batch.popularity`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
_KEYSPACE = """
    CREATE KEYSPACE IF NOT EXISTS {keyspace}
    WITH replication = {{'class': 'NetworkTopologyStrategy', '{datacenter}': {replicas}}}"""
_HAS_KEYSPACE = "SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = %s"


class CassandraUnavailableError(Exception):
    """No node of the cluster can be reached, or it refuses the user."""


def create_tables(settings: Settings) -> None:
    """Create the keyspace and its tables, unless they are there."""
    with open_session(settings) as session:
        _create_keyspace(session, settings)
        for statement in (PINTEREST_BATCH, PINTEREST_BATCH_CATEGORIES, CATEGORY_POPULARITY):
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
    """A session of the Cassandra driver, closed at the end.

    Raises:
        CassandraUnavailableError: no node answers, at first or later, or it refuses the user.
    """
    from cassandra import OperationTimedOut, Unavailable
    from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable
    from cassandra.connection import ConnectionException
    from cassandra.policies import DCAwareRoundRobinPolicy

    nearest = DCAwareRoundRobinPolicy(local_dc=settings.cassandra_datacenter)
    cluster = Cluster(
        **cassandra_driver_options(settings),
        execution_profiles={EXEC_PROFILE_DEFAULT: ExecutionProfile(load_balancing_policy=nearest)},
        protocol_version=5,
        connect_timeout=10,
    )
    try:
        yield cluster.connect()
    except NoHostAvailable as error:
        raise _unavailable(settings, error.errors) from error
    except (OperationTimedOut, Unavailable, ConnectionException) as error:
        raise cassandra_unavailable(settings, type(error).__name__) from error
    finally:
        cluster.shutdown()


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
