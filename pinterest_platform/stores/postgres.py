"""PostgreSQL, as the platform uses it: connections and the tables of the stream.

Belongs here: how to connect, and the statements that make the tables. Does not belong here: what a micro-batch writes
(`stream.sink`).
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import LiteralString

import psycopg
from psycopg import sql

from pinterest_platform.connections import postgres_options
from pinterest_platform.settings import Settings

Connection = psycopg.Connection[tuple[object, ...]]

PIN_COLUMN_TYPES: dict[str, LiteralString] = {
    "unique_id": "text NOT NULL",
    "index_id": "bigint NOT NULL",
    "title": "text",
    "category": "text NOT NULL",
    "description": "text",
    "poster_name": "text",
    "follower_count": "bigint",
    "tag_list": "text",
    "is_image_or_video": "text",
    "image_src": "text",
    "downloaded": "integer",
    "save_location": "text",
    "event_id": "text NOT NULL",
    "ingested_at": "timestamptz NOT NULL",
    "ingest_date": "date NOT NULL",
    "kafka_partition": "integer NOT NULL",
    "kafka_offset": "bigint NOT NULL",
}
_PIN_COLUMNS = sql.SQL(", ").join(
    sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(kind)) for name, kind in PIN_COLUMN_TYPES.items()
)

# A partitioned table's keys must hold the column it is partitioned by.
TABLES: tuple[sql.SQL | sql.Composed, ...] = (
    sql.SQL(
        """CREATE TABLE IF NOT EXISTS pinterest_stream (
            {columns},
            committed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
            PRIMARY KEY (ingest_date, kafka_partition, kafka_offset),
            UNIQUE (ingest_date, event_id)
        ) PARTITION BY RANGE (ingest_date)"""
    ).format(columns=_PIN_COLUMNS),
    sql.SQL(
        """CREATE TABLE IF NOT EXISTS stream_rejects (
            ingested_at timestamptz NOT NULL, ingest_date date NOT NULL, kafka_topic text NOT NULL,
            kafka_partition integer NOT NULL, kafka_offset bigint NOT NULL, original text, reason text NOT NULL,
            PRIMARY KEY (kafka_partition, kafka_offset)
        )"""
    ),
    sql.SQL(
        """CREATE TABLE IF NOT EXISTS stream_duplicates (
            ingest_date date NOT NULL, kafka_partition integer NOT NULL, kafka_offset bigint NOT NULL,
            event_id text NOT NULL,
            PRIMARY KEY (kafka_partition, kafka_offset)
        )"""
    ),
    sql.SQL(
        """CREATE TABLE IF NOT EXISTS profile_popularity (
            poster_name text PRIMARY KEY, posts bigint NOT NULL, latest_follower_count bigint,
            last_posted_at timestamptz NOT NULL,
            followers_at timestamptz, followers_partition integer, followers_offset bigint
        )"""
    ),
    sql.SQL("CREATE INDEX IF NOT EXISTS profile_popularity_posts ON profile_popularity (posts DESC)"),
    sql.SQL(
        """CREATE TABLE IF NOT EXISTS stream_progress (
            topic text NOT NULL, kafka_partition integer NOT NULL, next_offset bigint NOT NULL,
            updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
            PRIMARY KEY (topic, kafka_partition)
        )"""
    ),
)
_MIGRATION_LOCK = 7_463_801  # any number: two that start at once must not create the same table at once


def connect(settings: Settings, *, autocommit: bool = False) -> Connection:
    """A connection to the platform's database.

    Raises:
        psycopg.OperationalError: PostgreSQL cannot be reached or refuses the role.
    """
    return psycopg.connect(
        **postgres_options(settings),
        dbname=settings.postgres_database,
        connect_timeout=10,
        autocommit=autocommit,
        application_name="pinterest_platform",
    )


def migrate(settings: Settings) -> None:
    """Create the stream's tables, unless they are there. Safe to run twice, and twice at once."""
    with connect(settings) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [_MIGRATION_LOCK])
        connection.execute("SET client_min_messages = warning")
        for statement in TABLES:
            connection.execute(statement)


def create_day_partition(connection: Connection, day: date) -> None:
    """Create the day's range partition of `pinterest_stream`, unless it is there."""
    connection.execute("SELECT pg_advisory_xact_lock(%s)", [_MIGRATION_LOCK])
    connection.execute("SET LOCAL client_min_messages = warning")
    connection.execute(
        sql.SQL(
            "CREATE TABLE IF NOT EXISTS {name} PARTITION OF pinterest_stream FOR VALUES FROM ({first}) TO ({next})"
        ).format(
            name=sql.Identifier(f"pinterest_stream_{day:%Y_%m_%d}"),
            first=sql.Literal(day),
            next=sql.Literal(day + timedelta(days=1)),
        )
    )
