"""The streaming loop while servers fail and come back, after a newer run takes over, and with a recreated topic."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from kafka import KafkaAdminClient, KafkaProducer
from pyspark.sql import SparkSession

from infra.local_stack.stack import LocalStack
from pinterest_platform.settings import Settings
from pinterest_platform.stores import kafka
from pinterest_platform.stores.postgres import Connection, connect
from pinterest_platform.stream import loop as loop_module
from pinterest_platform.stream.activity import StreamReport
from pinterest_platform.stream.lease import StreamTakenOverError, read_heartbeat, session_name, take_over
from pinterest_platform.stream.loop import Watcher, run_stream
from pinterest_platform.stream.progress import lock_batches
from pinterest_platform.stream.query import StreamOffsetsLostError
from pinterest_platform_tests.support.outages import kill_server
from pinterest_platform_tests.support.pins import posted
from pinterest_platform_tests.support.streaming import stream_to_the_end
from pinterest_platform_tests.support.waiting import wait_for


class Streaming:
    """A loop in a thread of its own, with what it reported and how it ended."""

    def __init__(self, spark: SparkSession, settings: Settings) -> None:
        self.reports: list[StreamReport] = []
        self.stop = threading.Event()
        self.error: Exception | None = None
        self._settings = settings
        watcher = Watcher(self.reports.append, self.stop.is_set, report_every_seconds=0.5)
        self.thread = threading.Thread(target=self._run, args=(spark, settings, watcher))

    def _run(self, spark: SparkSession, settings: Settings, watcher: Watcher) -> None:
        try:
            run_stream(lambda: spark, settings, "the run", watcher)
        except Exception as error:
            self.error = error

    def has_stored(self, *names: str) -> bool:
        if self.error:
            raise self.error
        return stored(self._settings) == list(names)

    def troubles(self) -> str:
        return " ".join(report.trouble for report in list(self.reports) if report.trouble)


@contextmanager
def streaming(spark: SparkSession, settings: Settings) -> Iterator[Streaming]:
    loop = Streaming(spark, settings)
    loop.thread.start()
    try:
        yield loop
    finally:
        loop.stop.set()
        loop.thread.join(60)


def post(settings: Settings, *names: str) -> None:
    producer = KafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers)
    for name in names:
        producer.send(settings.kafka_topic, value=posted(unique_id=name, event_id=name))
    producer.close()


def stored(settings: Settings) -> list[str]:
    with closing(connect(settings)) as connection:
        rows = connection.execute("SELECT unique_id FROM pinterest_stream ORDER BY unique_id").fetchall()
    return [str(row[0]) for row in rows]


def test_the_stream_waits_for_servers_that_are_away_and_goes_on_by_itself(
    spark: SparkSession, corner: Settings, database: Connection, test_stack: LocalStack
) -> None:
    post(corner, "a")
    with streaming(spark, corner) as loop:
        wait_for(lambda: loop.has_stored("a"))

        kill_server(test_stack, "postgres", signal.SIGQUIT)  # its immediate stop
        post(corner, "b")
        wait_for(lambda: f"PostgreSQL at 127.0.0.1:{corner.postgres_port} is unavailable" in loop.troubles())
        test_stack.start(["postgres"])
        wait_for(lambda: loop.has_stored("a", "b"))

        kill_server(test_stack, "kafka")
        wait_for(lambda: f"Kafka at {corner.kafka_bootstrap_servers}" in loop.troubles())
        test_stack.start(["kafka"])
        post(corner, "c")
        wait_for(lambda: loop.has_stored("a", "b", "c"))

        assert loop.error is None
    assert not loop.thread.is_alive()


def test_a_run_that_was_replaced_ends_and_leaves_the_stream_to_its_successor(
    spark: SparkSession, corner: Settings, database: Connection
) -> None:
    with streaming(spark, corner) as loop:
        wait_for(
            lambda: (
                (heartbeat := read_heartbeat(database, corner.kafka_topic)) is not None and heartbeat.owner == "the run"
            )
        )
        wait_for(lambda: bool(loop.reports))

        take_over(corner, "the successor")

        loop.thread.join(30)
        assert isinstance(loop.error, StreamTakenOverError)
    found = read_heartbeat(database, corner.kafka_topic)
    assert found is not None
    assert found.owner == "the successor"


def test_a_topic_that_was_made_anew_and_has_grown_is_not_taken_for_the_old_one(
    spark: SparkSession, corner: Settings, database: Connection
) -> None:
    post(corner, "a")
    stream_to_the_end(spark, corner)
    admin = KafkaAdminClient(bootstrap_servers=corner.kafka_bootstrap_servers)
    admin.delete_topics([corner.kafka_topic])
    admin.close()
    wait_for(lambda: _made_anew(corner))
    post(corner, *(f"new {number}" for number in range(20)))

    with pytest.raises(StreamOffsetsLostError, match=r"was recreated.*make accept-topic"):
        stream_to_the_end(spark, corner)
    assert stored(corner) == ["a"]


def test_offsets_that_kafka_lost_and_gave_to_other_records_are_not_passed_over(
    spark: SparkSession, corner: Settings, database: Connection
) -> None:
    post(corner, "a")
    stream_to_the_end(spark, corner)
    database.execute("UPDATE pinterest_stream SET ingested_at = ingested_at - interval '1 second'")
    post(corner, "b")

    with pytest.raises(StreamOffsetsLostError, match=r"another record at offset 0 .*docs/operations.md"):
        stream_to_the_end(spark, corner)
    assert stored(corner) == ["a"]


def test_a_lock_that_fails_every_attempt_ends_the_run_although_each_failure_looks_like_waiting(
    spark: SparkSession, corner: Settings, database: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    with streaming(spark, corner) as loop, closing(connect(corner)) as holding:
        post(corner, "a")
        wait_for(lambda: loop.has_stored("a"))
        monkeypatch.setattr(loop_module, "STALLED_SECONDS", 10.0)
        database.execute(f"ALTER DATABASE {corner.postgres_database} SET lock_timeout = '300ms'")
        try:
            lock_batches(holding)
            end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s"
            database.execute(end, [session_name(corner.kafka_topic)])
            post(corner, "b")
            loop.thread.join(60)
        finally:
            holding.rollback()
            database.execute(f"ALTER DATABASE {corner.postgres_database} RESET lock_timeout")

    assert isinstance(loop.error, loop_module.StreamStalledError)
    assert "Kafka and PostgreSQL answer, but nothing was stored" in str(loop.error)
    unfinished = f"PostgreSQL at 127.0.0.1:{corner.postgres_port} did not finish a transaction, which is tried again"
    assert unfinished in loop.troubles()


def test_a_topic_that_is_not_there_for_minutes_ends_the_run(
    spark: SparkSession, corner: Settings, database: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    post(corner, "a")
    with streaming(spark, corner) as loop:
        wait_for(lambda: loop.has_stored("a"))
        monkeypatch.setattr(loop_module, "STALLED_SECONDS", 5.0)
        admin = KafkaAdminClient(bootstrap_servers=corner.kafka_bootstrap_servers)
        admin.delete_topics([corner.kafka_topic])
        admin.close()
        loop.thread.join(90)

    assert isinstance(loop.error, loop_module.StreamStalledError)
    assert "Kafka and PostgreSQL answer, but nothing was stored" in str(loop.error)


def test_the_heartbeat_says_what_the_stream_does(spark: SparkSession, corner: Settings, database: Connection) -> None:
    post(corner, "a")
    with streaming(spark, corner) as loop:
        wait_for(lambda: loop.has_stored("a"))
        wait_for(lambda: condition(database)[3] is not None)

    state, trouble, rows_per_second, _ = condition(database)
    assert (state, trouble) == ("streaming", None)
    assert rows_per_second is not None


def condition(database: Connection) -> tuple[object, ...]:
    columns = "state, trouble, rows_per_second, last_stored_at"
    [row] = database.execute(f"SELECT {columns} FROM stream_heartbeat").fetchall()  # noqa: S608
    return row


def _made_anew(settings: Settings) -> bool:
    kafka.create_topic(settings)
    try:
        with kafka.open_topic(settings, timeout_seconds=2) as topic:
            return set(topic.end_offsets().values()) == {0}
    except kafka.TopicUnavailableError:
        return False
