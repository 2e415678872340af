"""PostgreSQL: connections, and the migrations of the stream's tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg

from pinterest_platform.connections import postgres_options
from pinterest_platform.settings import Settings
from pinterest_platform.stores.stream_tables import MIGRATIONS, Migration

Connection = psycopg.Connection[tuple[object, ...]]

_MIGRATION_LOCK = 7_463_801  # an arbitrary number; serialises concurrent migrations
_MIGRATIONS_TABLE = """
    CREATE TABLE IF NOT EXISTS platform_migrations (
        number integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )"""


def connect(
    settings: Settings, *, autocommit: bool = False, name: str = "pinterest_platform", patience_seconds: int = 10
) -> Connection:
    """A connection to the platform's database.

    Args:
        settings: of PostgreSQL.
        autocommit: whether each statement is a transaction.
        name: the connection's application name in PostgreSQL.
        patience_seconds: until a server that accepts but does not answer counts as unavailable.

    Raises:
        psycopg.OperationalError: PostgreSQL cannot be reached, or refuses the role.
    """
    return psycopg.connect(
        **postgres_options(settings),
        dbname=settings.postgres_database,
        connect_timeout=patience_seconds,
        autocommit=autocommit,
        application_name=name,
    )


def migrate(settings: Settings, migrations: Sequence[Migration] = MIGRATIONS) -> list[int]:
    """Apply the missing migrations in one transaction; returns their numbers. Safe to run again or concurrently."""
    with connect(settings) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [_MIGRATION_LOCK])
        connection.execute("SET LOCAL client_min_messages = warning")
        connection.execute(_MIGRATIONS_TABLE)
        rows: list[Any] = connection.execute("SELECT number FROM platform_migrations").fetchall()
        missing = [step for step in migrations if (step.number,) not in rows]
        for step in missing:
            for statement in step.statements:
                connection.execute(statement)
            connection.execute("INSERT INTO platform_migrations VALUES (%s, %s)", [step.number, step.name])
    return [step.number for step in missing]
