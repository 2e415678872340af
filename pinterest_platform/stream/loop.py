"""The streaming loop: runs the query until told to stop, and goes on by itself when a server was away. No Dagster here.

Belongs here: the order of things, who is told what, and when the heart beats. Does not belong here: the query
(`stream.query`), the transaction (`stream.sink`) and which failures are outages (`stream.outages`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from psycopg.errors import LockNotAvailable

from pinterest_platform.pins.days import today
from pinterest_platform.settings import Settings
from pinterest_platform.stores.kafka import open_topic
from pinterest_platform.stores.postgres import Connection, connect, migrate
from pinterest_platform.stream.activity import Activity, StreamReport
from pinterest_platform.stream.batch_writer import BatchWriter
from pinterest_platform.stream.day_partitions import keep_days
from pinterest_platform.stream.heart import Heart
from pinterest_platform.stream.lag import Lag, measure_lag
from pinterest_platform.stream.outages import outage_of, pauses
from pinterest_platform.stream.ownership import StreamTakenOverError, demand_ownership, session_name, take_over
from pinterest_platform.stream.query import start_query, starting_offsets
from pinterest_platform.stream.sink import next_offsets, write_batch
from pinterest_platform.stream.topic_identity import demand_same_topic

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_LOOK_SECONDS = 1.0  # between two looks at the query
_SIGN_OF_LIFE_SECONDS = 10.0  # how long one look counts; longer than a report takes while Kafka is away
_START_SECONDS = 120.0  # a JVM and a first query on a busy machine
_UPKEEP_SECONDS = 600.0
_KAFKA_SECONDS = 3.0
STALLED_SECONDS = 300.0


class StreamEndedError(Exception):
    """The query is not there any more, and nobody has asked for that."""


class StreamStalledError(Exception):
    """Records wait, every server answers, and nothing is stored."""


@dataclass(frozen=True)
class Watcher:
    """Who is told what the stream does, and who says when it shall end. `until` is asked about every second."""

    report: Callable[[StreamReport], None]
    until: Callable[[], bool] = lambda: False
    report_every_seconds: float = 10.0


def run_stream(open_session: Callable[[], SparkSession], settings: Settings, owner: str, watcher: Watcher) -> None:
    """Stream until `watcher.until` says so, or until interrupted: the batch under way is finished or rolled back.

    While Kafka or PostgreSQL is away it waits, says so, and goes on by itself.

    Args:
        open_session: gives the Spark session, once everything that can be known without it is in order.
        settings: where Kafka and PostgreSQL are.
        owner: a name that no other run has.
        watcher: is told and asked from the calling thread.

    Raises:
        StreamOffsetsLostError: the topic was recreated or has lost the records that come next.
        StreamTakenOverError: another run has taken the stream over.
        StreamStalledError: records wait and none is stored, though every server answers.
        StreamEndedError: Spark ended the query by itself.
        pyspark.errors.StreamingQueryException: a micro-batch failed; nothing of it was stored.
    """
    with Heart(settings, owner) as heart:
        _Loop(open_session, settings, owner, watcher, heart).run()


class _Loop:
    def __init__(
        self,
        open_session: Callable[[], SparkSession],
        settings: Settings,
        owner: str,
        watcher: Watcher,
        heart: Heart,
    ) -> None:
        self._open_session = open_session
        self._settings = settings
        self._owner = owner
        self._watcher = watcher
        self._heart = heart
        self._activity = Activity()
        self._is_owner = False
        self._pauses = pauses()
        self._reported_at = time.monotonic()

    def run(self) -> None:
        while True:
            try:
                return self._stream()
            except Exception as error:
                trouble = outage_of(error, self._settings)
                if trouble is None:
                    raise
            if self._wait(trouble):
                return None

    def _stream(self) -> None:
        """Until told to stop. Whatever ends it, the next call goes on where PostgreSQL says."""
        starting = self._prepare()
        spark = self._open_session()
        with closing(self._connect()) as connection:
            sink = partial(write_batch, connection, self._settings.kafka_topic, self._owner)
            with BatchWriter(sink, self._activity) as writer, _query(spark, self._settings, starting, writer) as query:
                self._activity.begin()
                self._follow(query, writer)

    def _prepare(self) -> dict[int, int]:
        if not self._is_owner:
            migrate(self._settings)
            take_over(self._settings, self._owner)
            self._is_owner = True  # only once: a run that was replaced must not come back
        self._keep_days()
        self._show_life(_START_SECONDS)
        with open_topic(self._settings) as topic, closing(self._connect()) as connection:
            demand_ownership(connection, topic.topic, self._owner)
            demand_same_topic(connection, topic)
            return starting_offsets(topic, next_offsets(connection, topic.topic))

    def _follow(self, query: Any, writer: BatchWriter) -> None:
        kept_at = time.monotonic()
        while not _has_ended(query):
            # Not in awaitTermination: an interrupt that meets the main thread inside a call of the JVM breaks the call.
            time.sleep(_LOOK_SECONDS)
            self._show_life(_SIGN_OF_LIFE_SECONDS)
            if writer.failure:
                raise writer.failure
            if self._heart.owner_has_changed:
                raise StreamTakenOverError(f"{self._owner} was taken for dead; another run streams now.")
            if self._watcher.until():
                return
            if self._is_due():
                self._report(self._look())
            if time.monotonic() - kept_at > _UPKEEP_SECONDS:
                self._keep_days()
                kept_at = time.monotonic()
        raise StreamEndedError("Spark has ended the query without an error. The run ends too, to be started anew.")

    def _look(self) -> StreamReport:
        """What was done, and how much is left; a server that does not answer is trouble, but no reason to stop."""
        report = self._activity.take()
        try:
            lag = measure_lag(self._settings, _KAFKA_SECONDS)
        except Exception as error:
            trouble = outage_of(error, self._settings)
            if trouble is None:
                raise
            return replace(report, trouble=trouble)
        self._pauses = pauses()  # all is well
        self._demand_progress(lag)
        return replace(report, lag=lag)

    def _demand_progress(self, lag: Lag) -> None:
        idle = self._activity.idle_seconds
        if lag.seconds > STALLED_SECONDS and idle > STALLED_SECONDS:
            raise StreamStalledError(
                f"{lag.records:,} records wait, Kafka and PostgreSQL answer, and nothing was stored for {idle:.0f} s. "
                "The run ends, to be started anew. If that does not help, see who holds locks (pg_stat_activity)."
            )

    def _wait(self, trouble: str) -> bool:
        """Pause before the next attempt; True if it is time to end instead."""
        self._report(replace(self._activity.take(), trouble=trouble))
        deadline = time.monotonic() + next(self._pauses)
        while time.monotonic() < deadline:
            self._show_life(_SIGN_OF_LIFE_SECONDS)
            if self._watcher.until():
                return True
            time.sleep(0.1)
        return False

    def _keep_days(self) -> None:
        self._show_life(_START_SECONDS)  # a day of many million rows takes a while to leave the profiles
        # A reader that holds an old day for hours only delays its end.
        with closing(self._connect()) as connection, suppress(LockNotAvailable):
            keep_days(connection, today(), self._settings.stream_retention_days)

    def _show_life(self, seconds: float) -> None:
        if self._is_owner:  # else its heart would find that another one is
            self._heart.lives(seconds)

    def _connect(self) -> Connection:
        return connect(self._settings, autocommit=True, name=session_name(self._settings.kafka_topic))

    def _is_due(self) -> bool:
        return time.monotonic() - self._reported_at >= self._watcher.report_every_seconds

    def _report(self, report: StreamReport) -> None:
        self._reported_at = time.monotonic()
        self._watcher.report(report)


def _has_ended(query: Any) -> bool:
    if query.isActive:
        return False
    if error := query.exception():
        raise error
    return True


@contextmanager
def _query(spark: SparkSession, settings: Settings, starting: dict[int, int], writer: BatchWriter) -> Iterator[Any]:
    """The running query, stopped at the end. A failure of the sink comes out as it was, not wrapped by Spark."""
    query = start_query(spark, settings, starting, writer.write)
    try:
        yield query
    except Exception as error:
        raise writer.failure or error from None
    finally:  # also for KeyboardInterrupt
        with suppress(Exception):  # what ends the loop is worth more than that its JVM is gone, or slow to stop
            query.stop()
