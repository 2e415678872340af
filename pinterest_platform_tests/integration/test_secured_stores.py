"""Every client with TLS and a password, as hosted services require, and the errors for a wrong password."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr
from pyspark.sql import SparkSession

from infra.local_stack.settings import LocalStackSettings
from infra.local_stack.stack import LocalStack
from ingest_api.kafka_publisher import KafkaPublisher
from ingest_api.metrics import IngestMetrics
from ingest_api.publisher import BrokerUnavailableError, Record
from pinterest_platform.connections import spark_cassandra_options
from pinterest_platform.pins.calendar import start_of
from pinterest_platform.pins.cleaning import RECORD_SCHEMA, accepted, clean_records, newest_per_pin
from pinterest_platform.serving.pinterest_batch import replace_batch_slices
from pinterest_platform.stores import cassandra, kafka, postgres
from pinterest_platform.stores.cassandra import CassandraUnavailableError
from pinterest_platform.stores.kafka import TopicUnavailableError, open_topic
from pinterest_platform.stores.postgres import Connection
from pinterest_platform.stores.spark import hand_over_secrets
from pinterest_platform_tests.support.pins import posted
from pinterest_platform_tests.support.secured_servers import (
    Certificates,
    issue_certificates,
    secured_cassandra,
    secured_kafka,
    secured_postgres,
)
from pinterest_platform_tests.support.streaming import stream_to_the_end
from pinterest_platform_tests.unit.ingest_api.publisher_contract import opened

DAY = date(2026, 11, 16)
WRONG = SecretStr("wrong")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return issue_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def broker(
    stores: LocalStackSettings, certificates: Certificates, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LocalStackSettings]:
    with secured_kafka(stores, tmp_path_factory.mktemp("kafka"), certificates) as settings:
        yield settings


@pytest.fixture(scope="module")
def node(
    stores: LocalStackSettings, certificates: Certificates, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LocalStackSettings]:
    with secured_cassandra(stores, tmp_path_factory.mktemp("cassandra"), certificates) as settings:
        yield settings


@pytest.fixture
def session_of_node(node: LocalStackSettings, spark: SparkSession) -> Iterator[SparkSession]:
    """A second session of the same JVM: the connector's options are a session's own."""
    session = spark.newSession()
    for name, value in spark_cassandra_options(node).items():
        session.conf.set(name, value)
    hand_over_secrets(session, node)
    yield session
    # The connector asks the session that was used last, whichever a frame belongs to.
    java: Any = spark._jvm
    java.SparkSession.setActiveSession(spark._jsparkSession)


async def publish(settings: LocalStackSettings, *values: bytes) -> None:
    publisher = KafkaPublisher(settings, IngestMetrics())
    async with opened(publisher):
        for value in values:
            await publisher.publish([Record(b"k", value, start_of(DAY))])


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
def test_api_landing_and_stream_reach_a_broker_that_demands_tls_and_a_password(
    broker: LocalStackSettings, spark: SparkSession, database: Connection, mechanism: str
) -> None:
    own = broker.model_copy(update={"kafka_sasl_mechanism": mechanism, "kafka_topic": f"pins-{mechanism}"})
    kafka.create_topic(own)

    asyncio.run(publish(own, posted(unique_id="a"), posted(unique_id="b")))

    with open_topic(own) as topic:
        assert sum(topic.end_offsets().values()) == 2
    stream_to_the_end(spark, own)
    assert database.execute("SELECT unique_id FROM pinterest_stream ORDER BY 1").fetchall() == [("a",), ("b",)]


def test_a_wrong_password_for_kafka_is_a_sentence(broker: LocalStackSettings) -> None:
    wrong = broker.model_copy(update={"kafka_password": WRONG})

    with pytest.raises(TopicUnavailableError, match="refuses the user pinterest: see PINTEREST_KAFKA_USER"):
        open_topic(wrong, timeout_seconds=2).__enter__()

    async def post() -> None:
        publisher = KafkaPublisher(wrong, IngestMetrics())
        await publisher.open()
        await asyncio.sleep(3)
        try:
            await publisher.publish([Record(b"k", b"{}", start_of(DAY))])
        finally:
            await publisher.close()

    with pytest.raises(BrokerUnavailableError, match="refuses the user pinterest: see PINTEREST_KAFKA_USER"):
        asyncio.run(post())


def test_an_unknown_authority_of_kafka_is_a_sentence(broker: LocalStackSettings) -> None:
    stranger = broker.model_copy(update={"kafka_ca_file": None})

    with pytest.raises(TopicUnavailableError, match="PINTEREST_KAFKA_CA_FILE"):
        open_topic(stranger, timeout_seconds=3).__enter__()


def test_driver_and_spark_write_to_a_cassandra_that_demands_tls_and_a_password(
    node: LocalStackSettings, session_of_node: SparkSession
) -> None:
    cassandra.create_tables(node)  # by a user who may create no keyspace
    rows: list[Any] = [("pins", 0, 0, datetime(2026, 11, 16, tzinfo=UTC), None, posted())]
    pins = newest_per_pin(accepted(clean_records(session_of_node.createDataFrame(rows, RECORD_SCHEMA))))

    assert replace_batch_slices(pins, node, [DAY]) == {DAY: {"home-decor": 1}}


def test_a_wrong_password_for_cassandra_is_a_sentence(node: LocalStackSettings) -> None:
    wrong = node.model_copy(update={"cassandra_password": WRONG})

    with pytest.raises(CassandraUnavailableError, match="refuses the user pinterest: see PINTEREST_CASSANDRA_USER"):
        cassandra.open_session(wrong).__enter__()


def test_postgres_is_asked_over_tls_and_its_authority_is_checked(
    stores: LocalStackSettings, test_stack: LocalStack, certificates: Certificates
) -> None:
    with secured_postgres(test_stack.place, certificates) as secured:
        with closing(postgres.connect(secured)) as connection:
            row = connection.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").fetchone()
        assert row == (True,)
        stranger = issue_certificates(certificates.authority.parent / "stranger")
        with pytest.raises(psycopg.OperationalError, match="certificate verify failed"):
            postgres.connect(secured.model_copy(update={"postgres_ca_file": stranger.authority}))
