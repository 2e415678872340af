"""The streaming loop: runs the query until told to stop, waits during outages, and resumes by itself.

It does not know Dagster. Failures that count as outages are in `stream.outages`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from pyspark.errors import StreamingQueryException

from pinterest_platform.settings import Settings
from pinterest_platform.stores.epochs import of_same_epoch
from pinterest_platform.stores.kafka import TopicMissingError, open_topic
from pinterest_platform.stores.postgres import Connection, connect, migrate
from pinterest_platform.stream.activity import Activity, StreamReport
from pinterest_platform.stream.batch_size import BatchSize, waiting_record_bytes
from pinterest_platform.stream.batch_writer import BatchWriter, Sink
from pinterest_platform.stream.heartbeat import HeartbeatSender
from pinterest_platform.stream.lag import Lag, measure_lag
from pinterest_platform.stream.lease import (
    Condition,
    StreamTakenOverError,
    demand_ownership,
    session_name,
    take_over,
)
from pinterest_platform.stream.outages import outage_of, pauses
from pinterest_platform.stream.progress import next_offsets
from pinterest_platform.stream.query import start_query, starting_offsets
from pinterest_platform.stream.refused_records import write_or_reject
from pinterest_platform.stream.sink import write_batch
from pinterest_platform.stream.topic_identity import demand_same_records, demand_same_topic
from pinterest_platform.stream.unreadable_records import pass_unreadable_records
from pinterest_platform.stream.upkeep import Upkeep

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_LOOK_SECONDS = 1.0  # between two checks of the query
_SIGN_OF_LIFE_SECONDS = 10.0  # one check counts this long; longer than a report takes while Kafka is unavailable
_START_SECONDS = 120.0  # a JVM and a first query on a busy machine
_KAFKA_SECONDS = 3.0
STALLED_SECONDS = 300.0


class StreamEndedError(Exception):
    """The query has ended although nobody stopped it."""


class StreamStalledError(Exception):
    """Records wait and every server answers, but nothing is stored."""


@dataclass(frozen=True)
class Watcher:
    """Receives reports, and says when to stop. `until` is called about every second."""

    report: Callable[[StreamReport], None]
    until: Callable[[], bool] = lambda: False
    report_every_seconds: float = 10.0


def run_stream(open_session: Callable[[], SparkSession], settings: Settings, owner: str, watcher: Watcher) -> None:
    """Stream until `watcher.until` is true, or until interrupted. The batch in progress is finished or rolled back.

    While Kafka or PostgreSQL is unavailable it waits, reports that, and then resumes.

    Args:
        open_session: gives the Spark session; called after everything that can be checked without Spark.
        settings: of Kafka and PostgreSQL.
        owner: a name that no other run has.
        watcher: called from the calling thread.

    Raises:
        StreamOffsetsLostError: the topic was recreated, or has lost the next records.
        StreamTakenOverError: another run has taken over the stream.
        StreamStalledError: records wait, every server answers, and none is stored.
        StreamEndedError: Spark ended the query by itself.
        pyspark.errors.StreamingQueryException: a micro-batch failed; nothing of it was stored.
    """
    with HeartbeatSender(settings, owner) as heartbeat, Upkeep(settings) as upkeep:
        _Loop(open_session, settings, owner, watcher, heartbeat, upkeep).run()


class _Loop:
    def __init__(
        self,
        open_session: Callable[[], SparkSession],
        settings: Settings,
        owner: str,
        watcher: Watcher,
        heartbeat: HeartbeatSender,
        upkeep: Upkeep,
    ) -> None:
        self._open_session = open_session
        self._settings = settings
        self._owner = owner
        self._watcher = watcher
        self._heartbeat = heartbeat
        self._upkeep = upkeep
        self._activity = Activity()
        self._is_owner = False
        self._pauses = pauses()
        self._reported_at = time.monotonic()

    def run(self) -> None:
        has_ended = False
        while not has_ended:
            try:
                has_ended = self._stream_past_unreadable_records()
            except Exception as error:
                trouble = outage_of(error, self._settings)
                if trouble is None:
                    raise
                self._demand_that_it_is_an_outage(error, trouble)
                has_ended = self._wait(trouble)

    def _stream_past_unreadable_records(self) -> bool:
        try:
            return self._stream()
        except StreamingQueryException as error:
            if outage_of(error, self._settings) or not self._has_passed_unreadable_records():
                raise
            return False

    def _stream(self) -> bool:
        """Stream until told to stop (True), or until a query with another batch size should take over (False).

        However it ends, the next call resumes from PostgreSQL's offsets.
        """
        starting, size = self._prepare()
        spark = self._open_session()
        with closing(self._connect()) as connection, BatchWriter(self._sink(connection), self._activity) as writer:

            def write(lines: Sequence[str]) -> None:
                size.measure(lines)
                writer.write(lines)

            with _query(spark, self._settings, starting, size.records, write, writer) as query:
                return self._follow(query, writer, size)

    def _prepare(self) -> tuple[dict[int, int], BatchSize]:
        if not self._is_owner:
            migrate(self._settings)
            take_over(self._settings, self._owner)
            self._is_owner = True  # only once: a run that was replaced must not come back
            self._upkeep.begin()
        self._show_life(_START_SECONDS)
        with open_topic(self._settings) as found, closing(self._connect()) as connection:
            demand_ownership(connection, found.topic, self._owner)
            topic = demand_same_topic(connection, found)
            progress = of_same_epoch(next_offsets(connection, topic.topic), topic.partitions())
            starting = starting_offsets(topic, progress)
            demand_same_records(connection, topic, progress)
            return starting, BatchSize(waiting_record_bytes(topic, progress))

    def _sink(self, connection: Connection) -> Sink:
        return partial(write_or_reject, partial(write_batch, connection, self._settings.kafka_topic, self._owner))

    def _follow(self, query: Any, writer: BatchWriter, size: BatchSize) -> bool:
        while not _has_ended(query):
            # Not awaitTermination: an interrupt during a JVM call in the main thread breaks the call.
            time.sleep(_LOOK_SECONDS)
            self._show_life(_SIGN_OF_LIFE_SECONDS)
            if failure := writer.failure or self._upkeep.failure:
                raise failure
            if self._heartbeat.owner_has_changed:
                raise StreamTakenOverError(f"{self._owner} was taken for dead; another run streams now.")
            if self._watcher.until():
                return True
            if size.is_wrong:
                return False
            if self._is_due():
                self._report(self._look())
        raise StreamEndedError("Spark ended the query without an error. This run ends too, and a new one starts.")

    def _look(self) -> StreamReport:
        """Activity and lag. A server that does not answer is reported as trouble, but is no reason to stop."""
        report = self._activity.take()
        try:
            lag = measure_lag(self._settings, _KAFKA_SECONDS)
        except Exception as error:
            trouble = outage_of(error, self._settings)
            if trouble is None:
                raise
            self._excuse(error)
            self._demand_progress(f"{trouble} ")
            return replace(report, trouble=trouble)
        self._pauses = pauses()  # everything answers
        self._demand_progress_of(lag)
        return replace(report, lag=lag)

    def _demand_that_it_is_an_outage(self, error: Exception, trouble: str) -> None:
        """Raise if this goes on for minutes while every server answers: then it is not an outage."""
        self._show_life(_SIGN_OF_LIFE_SECONDS)
        try:
            self._demand_progress_of(measure_lag(self._settings, _KAFKA_SECONDS), f"Every attempt fails: {trouble} ")
        except StreamStalledError as stalled:
            raise stalled from error
        except Exception as other:
            if outage_of(other, self._settings) is None:
                raise
            self._excuse(other)
            self._demand_progress(f"Every attempt fails: {trouble} ")

    def _excuse(self, error: Exception) -> None:
        """Nothing can be stored while a server does not answer. A broker that does not know the topic has answered."""
        if not isinstance(error, TopicMissingError):
            self._activity.excuse()

    def _demand_progress_of(self, lag: Lag, what_is_known: str = "") -> None:
        if not lag.records:
            self._activity.excuse()
        self._demand_progress(f"{what_is_known}{lag.records:,} records wait. ")

    def _demand_progress(self, what_is_known: str) -> None:
        idle = self._activity.idle_seconds
        if idle > STALLED_SECONDS:
            raise StreamStalledError(
                f"Kafka and PostgreSQL answer, but nothing was stored for {idle:.0f} s. {what_is_known}"
                "This run ends and a new one starts. If that does not help, see who holds locks (pg_stat_activity)."
            )

    def _has_passed_unreadable_records(self) -> bool:
        """Whether the next records include some that Spark cannot read. If so, they have been stored, as rejects."""
        self._show_life(_START_SECONDS)
        with open_topic(self._settings) as found, closing(self._connect()) as connection:
            topic, sink = demand_same_topic(connection, found), self._sink(connection)

            def write(lines: Sequence[str]) -> None:
                started = time.monotonic()
                for outcome in sink(lines):
                    self._activity.add(outcome, time.monotonic() - started)
                self._show_life(_START_SECONDS)

            progress = next_offsets(connection, topic.topic)
            return pass_unreadable_records(self._open_session(), self._settings, topic, progress, write) > 0

    def _wait(self, trouble: str) -> bool:
        """Pause before the next attempt; True if it is time to stop."""
        self._report(replace(self._activity.take(), trouble=trouble))
        deadline = time.monotonic() + next(self._pauses)
        while time.monotonic() < deadline:
            self._show_life(_SIGN_OF_LIFE_SECONDS)
            if self._watcher.until():
                return True
            time.sleep(0.1)
        return False

    def _show_life(self, seconds: float) -> None:
        if self._is_owner:  # before, the heartbeat would find another owner
            self._heartbeat.alive_for(seconds)

    def _connect(self) -> Connection:
        return connect(self._settings, autocommit=True, name=session_name(self._settings.kafka_topic))

    def _is_due(self) -> bool:
        return time.monotonic() - self._reported_at >= self._watcher.report_every_seconds

    def _report(self, report: StreamReport) -> None:
        self._reported_at = time.monotonic()
        self._heartbeat.condition = Condition(
            "waiting" if report.trouble else "streaming",
            report.trouble,
            report.rows_per_second,
            self._activity.last_stored_at,
        )
        self._watcher.report(report)


def _has_ended(query: Any) -> bool:
    if query.isActive:
        return False
    if error := query.exception():
        raise error
    return True


@contextmanager
def _query(
    spark: SparkSession,
    settings: Settings,
    starting: dict[int, int],
    records_a_batch: int,
    write: Callable[[list[str]], None],
    writer: BatchWriter,
) -> Iterator[Any]:
    """The running query, stopped at the end. A failure of the sink is raised as it was, without Spark's wrapping."""
    query = start_query(spark, settings, starting, records_a_batch, write)
    try:
        yield query
    except Exception as error:
        raise writer.failure or error from None
    finally:  # also for KeyboardInterrupt
        with suppress(Exception):  # the JVM may be gone or slow; that must not hide the error that ends the loop
            query.stop()
