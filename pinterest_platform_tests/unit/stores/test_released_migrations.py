"""The text of every migration that was released: it stays as it is, whatever becomes of the table of fields."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from pinterest_platform.stores import cassandra_tables, stream_tables

# By number. Whoever releases a migration adds its digest.
POSTGRESQL = {
    1: "43bea8039f1393fa003b9758320fe8107c4cd80cc2e8b225f04312e525940f0f",
    2: "2a397e7d28b9320547f07c2c691a1a31352476d090f334c85382e8576331fd4b",
    3: "db70285a276366caeb69d1fa35b0d6cbbdb3458d9a333132a0124a57d140b2b1",
    4: "9ca38064b689099a3b351f16308cd40fb38b5f0bcfeb3fa07864eb45a47a5890",
    5: "8674d902083be8c64b402c3de9ac32650759f72b10c1d73fcdc17e04c75dba81",
    6: "5600d84d86184d97e13d3d0e82fc24a34c606d87417e2dca08d2d168183bf5c6",
    7: "defaf23c55c1e1e9a5227493b2125e06adef37eaaa7cdac346b09434ac103441",
    8: "53de1c10c8bf1e09ece1d7500026c1af5148ab033a33f6a41712367d5346cf11",
    9: "58f9650bfa168f17a61e746d4b74d79292d4107dff4aa8e1e0548be04c9d7091",
    10: "cfe17b0458fe887c84e5918bba8e606cd8c705d1346f2773f575f0be26c10773",
    11: "28deec1f1f71208f808b78740c4a4e670f2c393d9c1bbdaf9587d64175e9d5a5",
}
CASSANDRA = {
    1: "740f0ed2e6ba20167f54bde3c344ae6d1aecc3f1e848c867575ce1f052077f20",
}


def digest(statements: Iterable[str]) -> str:
    return hashlib.sha256(";\n".join(statements).encode()).hexdigest()


def test_the_released_migrations_of_postgresql_are_unchanged() -> None:
    found = {
        step.number: digest(statement.as_string(None) for statement in step.statements)
        for step in stream_tables.MIGRATIONS
    }

    assert {number: found[number] for number in POSTGRESQL} == POSTGRESQL


def test_the_released_migrations_of_cassandra_are_unchanged() -> None:
    found = {step.number: digest(map(str, step.changes)) for step in cassandra_tables.MIGRATIONS}

    assert {number: found[number] for number in CASSANDRA} == CASSANDRA


def test_migrations_are_numbered_in_their_order() -> None:
    for migrations in (stream_tables.MIGRATIONS, cassandra_tables.MIGRATIONS):
        assert [step.number for step in migrations] == list(range(1, len(migrations) + 1))
