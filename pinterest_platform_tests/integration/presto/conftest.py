"""Presto, started once per session, and fixtures for its tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from infra.local_stack.stack import LocalStack
from pinterest_platform.settings import Settings
from pinterest_platform.stores import cassandra
from pinterest_platform.stores.postgres import Connection
from pinterest_platform.stores.presto import ask
from pinterest_platform.stores.saved_queries import saved_query
from pinterest_platform_tests.integration.conftest import KEYSPACE

Saved = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture(scope="session")
def presto(stores: Settings, test_stack: LocalStack) -> Settings:
    """Started after the tests' keyspace was made: the Cassandra driver in it takes a second to learn of a new one."""
    cassandra.create_tables(stores.model_copy(update={"cassandra_keyspace": KEYSPACE}))
    test_stack.start(["presto"])
    return stores


@pytest.fixture
def layers(presto: Settings, keyspace: Settings, database: Connection) -> Settings:
    """Both layers, empty, and Presto over them."""
    return keyspace


@pytest.fixture
def saved(layers: Settings) -> Saved:
    """Asks a saved query; gives its rows."""

    def rows_of(name: str, **values: Any) -> list[tuple[Any, ...]]:
        return ask(layers, saved_query(layers, name).filled(layers, values)).rows

    return rows_of
