"""Cassandra, as the platform uses it: the keyspace, its tables, and CQL from Python.

Belongs here: table definitions and sessions. Rows are written elsewhere (`batch.serving`, `batch.popularity`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

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
KEYSPACE = """
    CREATE KEYSPACE IF NOT EXISTS {keyspace}
    WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}"""


def create_tables(settings: Settings) -> None:
    """Create the keyspace and its tables, unless they are there."""
    with open_session(settings) as session:
        for statement in (KEYSPACE, PINTEREST_BATCH, PINTEREST_BATCH_CATEGORIES, CATEGORY_POPULARITY):
            session.execute(statement.format(keyspace=settings.cassandra_keyspace))


@contextmanager
def open_session(settings: Settings) -> Iterator[Any]:
    """A session of the Cassandra driver, closed at the end."""
    from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile
    from cassandra.policies import DCAwareRoundRobinPolicy

    nearest = DCAwareRoundRobinPolicy(local_dc=settings.cassandra_datacenter)
    cluster = Cluster(
        settings.cassandra_hosts.split(","),
        port=settings.cassandra_port,
        execution_profiles={EXEC_PROFILE_DEFAULT: ExecutionProfile(load_balancing_policy=nearest)},
        protocol_version=5,
        connect_timeout=10,
    )
    try:
        yield cluster.connect()
    finally:
        cluster.shutdown()
