"""Migrations in real Cassandra, in a keyspace of the test's own: from nothing, from an old install, twice, at once."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest

from pinterest_platform.settings import Settings
from pinterest_platform.stores import cassandra
from pinterest_platform.stores.cassandra import CassandraTablesMissingError, create_tables, demand_columns, open_session
from pinterest_platform.stores.cassandra_migrations import apply_migrations, columns_of
from pinterest_platform.stores.cassandra_tables import MIGRATIONS, CassandraMigration, add_field

ALL = [step.number for step in MIGRATIONS]
NEXT = add_field(len(ALL) + 1, "one_more", "text")
DAY = date(2026, 11, 16)


@pytest.fixture
def empty(stores: Settings) -> Iterator[Settings]:
    own = stores.model_copy(update={"cassandra_keyspace": f"m{uuid.uuid4().hex[:12]}"})
    yield own
    with open_session(own) as session:
        session.execute(f"DROP KEYSPACE IF EXISTS {own.cassandra_keyspace}")


def migrate(settings: Settings, *more: CassandraMigration) -> list[int]:
    with open_session(settings) as session:
        return apply_migrations(session, settings.cassandra_keyspace, (*MIGRATIONS, *more))


def test_an_empty_keyspace_gets_every_step_once(empty: Settings) -> None:
    assert (create_tables(empty), create_tables(empty)) == (ALL, [])


def test_two_that_start_at_once_share_the_steps(empty: Settings) -> None:
    with open_session(empty) as session:
        cassandra._create_keyspace(session, empty)
    with ThreadPoolExecutor(2) as pool:
        applied = list(pool.map(lambda _number: migrate(empty, NEXT), range(2)))

    assert sorted(applied) == [[], [*ALL, NEXT.number]]


def test_an_installation_of_before_the_steps_is_taken_over_and_keeps_its_rows(empty: Settings) -> None:
    keyspace = empty.cassandra_keyspace
    with open_session(empty) as session:
        cassandra._create_keyspace(session, empty)
        session.execute(str(MIGRATIONS[0].changes[0]).format(keyspace=keyspace))
        session.execute(
            f"INSERT INTO {keyspace}.pinterest_batch (ingest_date, category, unique_id, title) "  # noqa: S608
            "VALUES (%s, 'art', 'a', 'kept')",
            [DAY],
        )

    assert migrate(empty, NEXT) == [*ALL, NEXT.number]
    with open_session(empty) as session:
        rows = session.execute(f"SELECT title, one_more FROM {keyspace}.pinterest_batch")  # noqa: S608
        assert [tuple(row) for row in rows] == [("kept", None)]
        assert columns_of(session, keyspace, "slice_writes") == {"table_name", "slice", "taken", "written"}


def test_a_column_that_is_there_already_is_no_failure(empty: Settings) -> None:
    create_tables(empty)
    with open_session(empty) as session:
        session.execute(f"ALTER TABLE {empty.cassandra_keyspace}.pinterest_batch ADD one_more text")

    assert migrate(empty, NEXT) == [NEXT.number]


def test_a_table_that_lacks_a_column_is_named_with_what_to_do(empty: Settings) -> None:
    create_tables(empty)
    with (
        open_session(empty) as session,
        pytest.raises(CassandraTablesMissingError, match=r"pinterest_batch .* lacks one_more, .*create_tables"),
    ):
        demand_columns(session, empty, "pinterest_batch", ["unique_id", "one_more"])
