"""Migrations in real PostgreSQL, in a database of the test's own: from nothing, from an old install, twice, at once."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psycopg
import pytest
from psycopg import sql

from infra.local_stack.servers.postgres import connect as connect_as_superuser
from infra.local_stack.stack import LocalStack
from pinterest_platform.settings import Settings
from pinterest_platform.stores.postgres import connect, migrate
from pinterest_platform.stores.stream_tables import MIGRATIONS, Migration

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
