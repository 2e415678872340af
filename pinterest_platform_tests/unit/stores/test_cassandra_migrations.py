"""Which steps are applied, in which order and by whom, over a session that only remembers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from cassandra import DriverException, InvalidRequest

from pinterest_platform.stores.cassandra_migrations import CassandraSchemaError, apply_migrations
from pinterest_platform.stores.cassandra_tables import MIGRATIONS, CassandraMigration, add_field

TWO = (*MIGRATIONS, add_field(2, "one_more", "text"))


class Keyspace:
    """A keyspace `k` and its session: columns by table, the applied numbers, and who holds the lock."""

    def __init__(self) -> None:
        self.columns: dict[str, set[str]] = {}
        self.applied: list[int] = []
        self.owner: Any = None
        self.changes: list[str] = []
        self.agrees = True
        self.cluster = self

    def execute(self, statement: str, values: Sequence[Any] = ()) -> Any:
        words = " ".join(statement.split())
        if "system_schema.columns" in words:
            return [SimpleNamespace(column_name=name) for name in self.columns.get(values[1], ())]
        if words.startswith(("CREATE TABLE", "ALTER TABLE")):
            return self._change(words)
        if words.startswith("SELECT number"):
            if "schema_migrations" not in self.columns:
                raise InvalidRequest("table schema_migrations does not exist")
            return [SimpleNamespace(number=number) for number in [*self.applied, *([0] if self.owner else [])]]
        if "IF NOT EXISTS" in words:
            is_free = self.owner is None
            self.owner = values[0] if is_free else self.owner
            return SimpleNamespace(was_applied=is_free)
        if words.startswith("INSERT"):
            self.applied.append(values[0])
        elif words.startswith("DELETE") and self.owner == values[0]:
            self.owner = None
        return []

    def _change(self, words: str) -> Any:
        self.changes.append(words)
        if created := re.match(r"CREATE TABLE IF NOT EXISTS k\.(\w+) \((.*)\)", words):
            self.columns.setdefault(created[1], {part.split()[0] for part in created[2].split(",")})
        elif added := re.match(r"ALTER TABLE k\.(\w+) ADD (\w+) \w+", words):
            assert added[2] not in self.columns[added[1]], "Cassandra refuses a column that is there"
            self.columns[added[1]].add(added[2])
        return SimpleNamespace(response_future=SimpleNamespace(is_schema_agreed=self.agrees))

    def refresh_schema_metadata(self, max_schema_agreement_wait: float) -> None:
        raise DriverException(f"not agreed after {max_schema_agreement_wait}")


def test_an_empty_keyspace_gets_every_step_once_and_in_order() -> None:
    keyspace = Keyspace()

    assert (apply_migrations(keyspace, "k", TWO), apply_migrations(keyspace, "k", TWO)) == ([1, 2], [])
    assert keyspace.applied == [1, 2]
    assert keyspace.owner is None
    assert "one_more" in keyspace.columns["pinterest_batch"]


def test_an_installation_of_before_the_steps_is_taken_over() -> None:
    keyspace = Keyspace()
    for statement in MIGRATIONS[0].changes:
        keyspace.execute(str(statement).format(keyspace="k"))
    keyspace.columns["pinterest_batch"].add("somebody's own")

    assert apply_migrations(keyspace, "k", TWO) == [1, 2]
    assert {"somebody's own", "one_more"} <= keyspace.columns["pinterest_batch"]


def test_a_step_that_was_half_done_is_finished() -> None:
    keyspace = Keyspace()
    apply_migrations(keyspace, "k", TWO)
    keyspace.applied.remove(2)  # killed between the change and the note of it

    assert apply_migrations(keyspace, "k", TWO) == [2]


def test_who_finds_the_lock_taken_waits_and_applies_what_is_still_missing() -> None:
    keyspace = Keyspace()
    apply_migrations(keyspace, "k", MIGRATIONS)
    keyspace.owner = "another"
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            keyspace.owner = None

    assert apply_migrations(keyspace, "k", TWO, sleep) == [2]
    assert len(pauses) == 3


def test_who_waits_for_a_process_that_applies_every_step_has_nothing_to_do() -> None:
    keyspace = Keyspace()
    apply_migrations(keyspace, "k", MIGRATIONS)
    keyspace.owner = "another"

    assert apply_migrations(keyspace, "k", TWO, lambda _seconds: keyspace.applied.append(2)) == []


def test_a_lock_that_is_never_released_is_an_error() -> None:
    keyspace = Keyspace()
    keyspace.owner = "another"

    with pytest.raises(CassandraSchemaError, match="Another process has been changing the tables of the keyspace k"):
        apply_migrations(keyspace, "k", TWO, lambda _seconds: None)


def test_a_step_that_fails_is_not_noted_and_leaves_no_lock() -> None:
    keyspace = Keyspace()
    apply_migrations(keyspace, "k", MIGRATIONS)
    twice = CassandraMigration(2, "broken", ("ALTER TABLE {keyspace}.pinterest_batch ADD title text",))

    with pytest.raises(AssertionError, match="refuses"):
        apply_migrations(keyspace, "k", [*MIGRATIONS, twice])

    assert (keyspace.applied, keyspace.owner) == ([1], None)


def test_nodes_that_do_not_agree_stop_the_steps() -> None:
    keyspace = Keyspace()
    apply_migrations(keyspace, "k", MIGRATIONS)
    keyspace.agrees = False

    with pytest.raises(CassandraSchemaError, match="not agreed on the schema for 60 s: see `nodetool describecluster`"):
        apply_migrations(keyspace, "k", TWO)

    assert keyspace.applied == [1]
