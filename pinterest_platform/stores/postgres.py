"""PostgreSQL, as the platform uses it: connections, and the migrations of the stream's tables.

Belongs here: how to connect, and how numbered steps are applied. Does not belong here: the steps themselves
(`stores.stream_tables`) and what a micro-batch writes (`stream.sink`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg

from pinterest_platform.connections import postgres_options
from pinterest_platform.settings import Settings
from pinterest_platform.stores.stream_tables import MIGRATIONS, Migration

Connection = psycopg.Connection[tuple[object, ...]]

_MIGRATION_LOCK = 7_463_801  # any number: two that start at once must not create the same table at once
_MIGRATIONS_TABLE = """
    CREATE TABLE IF NOT EXISTS platform_migrations (
        number integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )"""


def connect(settings: Settings, *, autocommit: bool = False, name: str = "pinterest_platform") -> Connection:
    """A connection to the platform's database. `name` is what PostgreSQL shows of it.

    Raises:
        psycopg.OperationalError: PostgreSQL cannot be reached or refuses the role.
    """
    return psycopg.connect(
        **postgres_options(settings),
        dbname=settings.postgres_database,
        connect_timeout=10,
        autocommit=autocommit,
        application_name=name,
    )


def migrate(settings: Settings, migrations: Sequence[Migration] = MIGRATIONS) -> list[int]:
    """Bring the stream's tables to the newest shape; returns the numbers of the steps that were missing.

    One transaction: all of them or none. Safe to run twice, and twice at once.
    """
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
