"""The stream's row of `make status`, from real tables and a real topic."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from kafka import KafkaProducer

from infra.command_line.stream_status import look_at_stream
from infra.platform_exporter.lag_figures import LagFigures
from pinterest_platform.settings import Settings
from pinterest_platform.stores.postgres import Connection
from pinterest_platform.stream.lease import Condition, send_heartbeat, take_over

RUN = "a-run"
PROGRESS = """
    INSERT INTO stream_progress (topic, kafka_partition, next_offset, updated_at)
    VALUES (%s, 0, %s, now() - %s::interval)
    ON CONFLICT (topic, kafka_partition) DO UPDATE SET next_offset = excluded.next_offset"""


def post(settings: Settings, records: int, age: timedelta) -> None:
    producer = KafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers)
    at = int((datetime.now(UTC) - age).timestamp() * 1000)
    for _ in range(records):
        producer.send(settings.kafka_topic, b"{}", partition=0, timestamp_ms=at).get(30)
    producer.close()


@pytest.mark.usefixtures("database")
def test_a_stream_that_never_ran_is_stopped(corner: Settings) -> None:
    assert look_at_stream(corner).state == "stopped"


def test_a_stream_that_has_stored_all_is_healthy_and_one_that_has_not_for_a_while_is_told(
    corner: Settings, database: Connection
) -> None:
    take_over(corner, RUN)
    assert look_at_stream(corner).state == "starting"
    send_heartbeat(database, corner.kafka_topic, RUN, Condition("streaming"))
    post(corner, 3, timedelta(minutes=20))
    database.execute(PROGRESS, [corner.kafka_topic, 3, "10 minutes"])
    assert (look_at_stream(corner).state, look_at_stream(corner).pace) == ("healthy", "0 records behind")

    post(corner, 2, timedelta(minutes=5))

    status = look_at_stream(corner)
    assert status.state.startswith("unhealthy: nothing stored for 10 min")
    assert status.pace == "2 records behind"
    assert status.run_page == f"http://127.0.0.1:{corner.dagster_port}/runs/{RUN}"
    waiting = {metric.name: metric.samples[0].value for metric in LagFigures(corner).collect()}
    assert waiting == {"stream_waiting_records": 2, "stream_stands_still_seconds": 0}


def test_what_a_run_says_of_itself_is_shown(corner: Settings, database: Connection) -> None:
    take_over(corner, RUN)
    send_heartbeat(
        database, corner.kafka_topic, RUN, Condition("waiting", trouble="Kafka is away", rows_per_second=12.25)
    )

    status = look_at_stream(corner)

    assert (status.state, status.pace) == ("unhealthy: Kafka is away", "12.2 rows/s, 0 records behind")


def test_a_heart_that_has_stopped_is_told(corner: Settings, database: Connection) -> None:
    take_over(corner, RUN)
    database.execute("UPDATE stream_heartbeat SET beat_at = now() - interval '3 minutes'")

    assert look_at_stream(corner).state.startswith("unhealthy: no heartbeat for 3 min")


def test_a_broker_that_is_away_is_what_it_waits_for(corner: Settings, database: Connection) -> None:
    take_over(corner, RUN)

    status = look_at_stream(corner.model_copy(update={"kafka_bootstrap_servers": "127.0.0.1:1"}))

    assert status.state.startswith("unhealthy: Kafka at 127.0.0.1:1 ")
    assert "PostgreSQL" not in status.state
