"""Sessions with real Cassandra: their consistency, and the error when a server no longer answers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cassandra import ConsistencyLevel

from infra.local_stack.stack import LocalStack
from pinterest_platform.settings import Settings
from pinterest_platform.stores.cassandra import (
    CassandraTablesMissingError,
    CassandraUnavailableError,
    create_tables,
    execute_all,
    open_session,
)

ASK = "SELECT category FROM pinterest_batch_categories WHERE ingest_date = '2026-11-16'"


@pytest.fixture
def thaw(test_stack: LocalStack) -> Iterator[None]:
    """Cassandra goes on, whatever the test did with it."""
    yield
    process = test_stack.process("cassandra")
    assert process is not None
    process.resume()


def freeze(stack: LocalStack) -> None:
    process = stack.process("cassandra")
    assert process is not None
    process.suspend()


@pytest.mark.parametrize("level", ["LOCAL_QUORUM", "LOCAL_ONE"])
def test_every_statement_is_as_consistent_as_the_settings_say(keyspace: Settings, level: str) -> None:
    own = keyspace.model_copy(update={"cassandra_consistency": level})
    with open_session(own) as session:
        session.set_keyspace(own.cassandra_keyspace)
        simple = session.execute(ASK)
        [prepared] = execute_all(session, ASK.replace("'2026-11-16'", "?"), [("2026-11-16",)])

        asked = [found.response_future.message.consistency_level for found in (simple, prepared)]

    assert [ConsistencyLevel.value_to_name[value] for value in asked] == [level, level]


@pytest.mark.usefixtures("thaw")
def test_a_server_that_stands_still_is_away_for_who_is_connected_and_for_who_connects(
    keyspace: Settings, test_stack: LocalStack
) -> None:
    def ask_once_it_stands_still() -> None:
        with open_session(keyspace) as session:
            session.set_keyspace(keyspace.cassandra_keyspace)
            freeze(test_stack)
            execute_all(session, ASK.replace("'2026-11-16'", "?"), [("2026-11-16",)])

    with pytest.raises(CassandraUnavailableError, match="cannot be reached"):
        ask_once_it_stands_still()
    with pytest.raises(CassandraUnavailableError, match="cannot be reached"), open_session(keyspace):
        pass


def test_a_table_that_an_upgrade_added_is_named_until_it_is_created(keyspace: Settings) -> None:
    def ask() -> list[object]:
        with open_session(keyspace) as session:
            session.set_keyspace(keyspace.cassandra_keyspace)
            return list(session.execute("SELECT * FROM slice_writes"))

    with open_session(keyspace) as session:
        for table in ("slice_writes", "schema_migrations"):  # as of a version that knew neither
            session.execute(f"DROP TABLE {keyspace.cassandra_keyspace}.{table}")

    with pytest.raises(CassandraTablesMissingError, match=r"slice_writes.*create_tables"):
        ask()

    create_tables(keyspace)
    assert ask() == []
