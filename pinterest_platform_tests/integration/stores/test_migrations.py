"""Migrations in real PostgreSQL: from nothing, from an old installation, twice, and concurrently."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import date

import psycopg
import pytest
from psycopg import sql

from infra.local_stack.servers.postgres import connect as connect_as_superuser
from infra.local_stack.stack import LocalStack
from pinterest_platform.settings import Settings
from pinterest_platform.stores.postgres import connect, migrate
from pinterest_platform.stores.stream_tables import MIGRATIONS, Migration
from pinterest_platform.stream.day_partitions import create_day_partition

ALL = [step.number for step in MIGRATIONS]


@pytest.fixture
def empty(stores: Settings, test_stack: LocalStack) -> Iterator[Settings]:
    name = f"m{uuid.uuid4().hex[:12]}"
    with closing(connect_as_superuser(test_stack.place, "postgres")) as superuser:
        superuser.execute(
            sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(stores.postgres_user))
        )
        yield stores.model_copy(update={"postgres_database": name})
        superuser.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))


def test_an_empty_database_gets_every_step_once(empty: Settings) -> None:
    assert (migrate(empty), migrate(empty)) == (ALL, [])


def test_two_that_start_at_once_share_the_steps(empty: Settings) -> None:
    with ThreadPoolExecutor(2) as pool:
        applied = list(pool.map(lambda _number: migrate(empty), range(2)))

    assert sorted(applied) == [[], ALL]


def test_an_install_from_before_the_steps_is_brought_up_and_keeps_its_rows(empty: Settings) -> None:
    with connect(empty) as connection:
        for statement in MIGRATIONS[0].statements:
            connection.execute(statement)
        connection.execute("INSERT INTO stream_progress VALUES ('pins', 0, 5)")

    assert migrate(empty) == ALL
    with connect(empty) as connection:
        assert connection.execute("SELECT next_offset FROM stream_progress").fetchall() == [(5,)]


def test_a_step_that_fails_leaves_nothing(empty: Settings) -> None:
    broken = Migration(99, "broken", (sql.SQL("CREATE TABLE half ()"), sql.SQL("SELECT 1 / 0")))

    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate(empty, [*MIGRATIONS, broken])

    with connect(empty) as connection:
        assert connection.execute("SELECT to_regclass('half'), to_regclass('pinterest_stream')").fetchone() == (
            None,
            None,
        )


def test_an_install_whose_event_ids_were_unique_a_day_keeps_its_rows_and_takes_conflicts(empty: Settings) -> None:
    old = [step for step in MIGRATIONS if step.number <= 6]
    assert migrate(empty, old) == [step.number for step in old]
    insert = """
        INSERT INTO pinterest_stream
            (unique_id, index_id, category, event_id, ingested_at, ingest_date, kafka_partition, kafka_offset)
        VALUES (%s, 1, 'art', 'e', '2026-11-16', '2026-11-16', 0, %s)"""
    with connect(empty) as connection:
        create_day_partition(connection, date(2026, 11, 16))
        connection.execute(insert, ["a", 0])
        connection.execute("INSERT INTO stream_duplicates VALUES ('2026-11-16', 0, 1, 'e')")

    migrate(empty)

    with connect(empty) as connection:
        connection.execute(insert, ["b", 2])
        days = connection.execute("SELECT records, pins, duplicates, conflicts FROM stream_days").fetchall()
        pins = connection.execute("SELECT unique_id FROM pinterest_stream_records ORDER BY 1").fetchall()
    assert (days, pins) == ([(3, 2, 1, 0)], [("a",), ("b",)])
