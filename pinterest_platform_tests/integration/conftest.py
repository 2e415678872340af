"""Real servers for the tests, started once per session, and empty topics, buckets and tables for every test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

from infra.local_stack.stack import LocalStack
from pinterest_platform.settings import Settings
from pinterest_platform.stores import cassandra
from pinterest_platform.stores.postgres import Connection, connect, migrate
from pinterest_platform_tests.conftest import STATE_FOLDER
from pinterest_platform_tests.support.corner import new_corner

KEYSPACE = "tests"
STORES = ["kafka", "cassandra", "s3", "postgres"]
_CASSANDRA_TABLES = (
    "pinterest_batch",
    "pinterest_batch_categories",
    "pinterest_batch_rejects",
    "category_popularity",
    "slice_writes",
)
EMPTY_TABLES = """
    TRUNCATE pinterest_stream, stream_rejects, stream_duplicates, stream_conflicts, stream_late_records,
        profile_popularity, stream_progress, stream_heartbeat, stream_topic, stream_retention"""


def take_every_time(settings: Settings) -> None:
    """Make the broker take every timestamp, as it does for topics that the platform did not create."""
    every = {f"message.timestamp.{end}.max.ms": str(2**63 - 1) for end in ("before", "after")}
    with closing(KafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap_servers)) as admin:
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, settings.kafka_topic, every)])


@pytest.fixture(scope="session")
def stores(test_stack: LocalStack) -> Iterator[Settings]:
    """Kafka, Cassandra, S3 and PostgreSQL, running and empty at first."""
    test_stack.stop()  # what a run that was killed has left
    shutil.rmtree(STATE_FOLDER / "kafka", ignore_errors=True)
    test_stack.start(STORES)
    yield test_stack.settings
    test_stack.stop()


@pytest.fixture
def corner(stores: Settings) -> Settings:
    """Settings with a topic and a bucket of the test's own."""
    own = new_corner(stores)
    take_every_time(own)
    return own


@pytest.fixture
def keyspace(stores: Settings) -> Settings:
    """Settings with a keyspace of the tests' own, its tables empty.

    One for all tests: a Spark session's connector knows the keyspaces that were there when it first connected.
    """
    own = stores.model_copy(update={"cassandra_keyspace": KEYSPACE})
    cassandra.create_tables(own)
    with cassandra.open_session(own) as session:
        for table in _CASSANDRA_TABLES:
            session.execute(f"TRUNCATE {KEYSPACE}.{table}")
    return own


@pytest.fixture
def database(stores: Settings) -> Iterator[Connection]:
    """A connection to the stream's tables, all of them empty."""
    migrate(stores)
    with closing(connect(stores, autocommit=True)) as connection:
        empty_stream_tables(connection)
        yield connection


def empty_stream_tables(connection: Connection) -> None:
    """For those who need them empty more than once in a test."""
    connection.execute(EMPTY_TABLES)
