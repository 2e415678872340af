"""Applies the migrations of Cassandra's tables, each once and in order, by one process at a time.

The table `schema_migrations` has the numbers of the applied steps. Its row 0 is a lock, set by compare-and-set with a
time to live. Other processes wait, since tables that two nodes create at the same time may differ forever. If a process
dies, its lock expires, and the next process applies the unfinished step again. After each change all nodes must agree
on the schema before the next one.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from pinterest_platform.stores.cassandra_tables import MIGRATIONS, AddColumn, CassandraMigration

_TABLE = """
    CREATE TABLE IF NOT EXISTS {keyspace}.schema_migrations (
        number int PRIMARY KEY, name text, applied_at timestamp, owner uuid
    )"""
_NUMBERS = "SELECT number FROM {keyspace}.schema_migrations"
_NOTE = "INSERT INTO {keyspace}.schema_migrations (number, name, applied_at) VALUES (%s, %s, toTimestamp(now()))"
_LOCK = """
    INSERT INTO {keyspace}.schema_migrations (number, name, applied_at, owner)
    VALUES (0, 'lock', toTimestamp(now()), %s) IF NOT EXISTS USING TTL {seconds}"""
_UNLOCK = "DELETE FROM {keyspace}.schema_migrations WHERE number = 0 IF owner = %s"
_COLUMNS = "SELECT column_name FROM system_schema.columns WHERE keyspace_name = %s AND table_name = %s"
_ADD_COLUMN = "ALTER TABLE {keyspace}.{table} ADD {column} {kind}"
_LOCK_SECONDS = 120  # more than a step takes
_PAUSE_SECONDS = 0.5
_AGREEMENT_SECONDS = 60.0


class CassandraSchemaError(Exception):
    """The nodes do not agree on the schema, or another process does not release the lock."""


def apply_migrations(
    session: Any,
    keyspace: str,
    migrations: Sequence[CassandraMigration] = MIGRATIONS,
    sleep: Callable[[float], None] = time.sleep,
) -> list[int]:
    """Apply the missing migrations to the keyspace; returns their numbers. Safe to run again or concurrently.

    Raises:
        CassandraSchemaError: the nodes do not agree, or the lock is not released.
    """
    _make_own_table(session, keyspace)
    owner, attempts = uuid.uuid4(), int(2 * _LOCK_SECONDS / _PAUSE_SECONDS)
    for _ in range(attempts):
        if not _missing(session, keyspace, migrations):
            return []
        if session.execute(_LOCK.format(keyspace=keyspace, seconds=_LOCK_SECONDS), [owner]).was_applied:
            return _apply_locked(session, keyspace, migrations, owner)
        sleep(_PAUSE_SECONDS)
    raise CassandraSchemaError(
        f"Another process has been changing the tables of the keyspace {keyspace} for {2 * _LOCK_SECONDS} s. "
        "See what it waits for, then run create_tables again."
    )


def columns_of(session: Any, keyspace: str, table: str) -> set[str]:
    """The names of the table's columns; empty if there is no such table."""
    return {row.column_name for row in session.execute(_COLUMNS, [keyspace, table])}


def _make_own_table(session: Any, keyspace: str) -> None:
    from cassandra import InvalidRequest

    try:
        _missing(session, keyspace, [])
    except InvalidRequest:
        # Not decided by system_schema, which lists a table that another process is creating before it can be read.
        # The server applies schema changes one after the other, so this statement waits for that process.
        _change(session, _TABLE.format(keyspace=keyspace))


def _apply_locked(session: Any, keyspace: str, migrations: Sequence[CassandraMigration], owner: uuid.UUID) -> list[int]:
    try:
        missing = _missing(session, keyspace, migrations)  # the previous holder of the lock may have applied some
        for step in missing:
            for change in step.changes:
                _apply(session, keyspace, change)
            session.execute(_NOTE.format(keyspace=keyspace), [step.number, step.name])
    finally:
        session.execute(_UNLOCK.format(keyspace=keyspace), [owner])
    return [step.number for step in missing]


def _missing(session: Any, keyspace: str, migrations: Sequence[CassandraMigration]) -> list[CassandraMigration]:
    applied = {row.number for row in session.execute(_NUMBERS.format(keyspace=keyspace))}
    return [step for step in migrations if step.number not in applied]


def _apply(session: Any, keyspace: str, change: str | AddColumn) -> None:
    if isinstance(change, str):
        _change(session, change.format(keyspace=keyspace))
    elif change.column not in columns_of(session, keyspace, change.table):
        named = {"table": change.table, "column": change.column, "kind": change.kind}
        _change(session, _ADD_COLUMN.format(keyspace=keyspace, **named))


def _change(session: Any, statement: str) -> None:
    from cassandra import DriverException

    if session.execute(statement).response_future.is_schema_agreed:
        return
    try:
        session.cluster.refresh_schema_metadata(max_schema_agreement_wait=_AGREEMENT_SECONDS)
    except DriverException as error:
        raise CassandraSchemaError(
            f"Cassandra's nodes have not agreed on the schema for {_AGREEMENT_SECONDS:.0f} s: see `nodetool "
            "describecluster` for the one that differs, then run create_tables again."
        ) from error
