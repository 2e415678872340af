"""Metrics from the stream's tables: progress, latency, rejects and the heartbeat. `lag_figures` has the lag.

Every query has to stay cheap however much is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate
from typing import Any, LiteralString

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from pinterest_platform.pins.calendar import MISDATED_DAY
from pinterest_platform.settings import Settings
from pinterest_platform.stores.postgres import Connection, connect
from pinterest_platform.stream.lease import read_heartbeat
from pinterest_platform.stream.progress import next_offsets

LATENCY_BUCKETS = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0, 300.0)
_PATIENCE = "SET statement_timeout = '3s'"
# By offsets, which the primary key finds within the days that are still being written.
_LATENCIES = """
    SELECT width_bucket(latency, %s::float8[]), count(*), sum(latency)
    FROM pinterest_stream, LATERAL (SELECT extract(epoch FROM committed_at - ingested_at)::float8 AS latency) AS late
    WHERE ingest_date >= %s AND kafka_partition = %s AND kafka_offset >= %s AND kafka_offset < %s
    GROUP BY 1"""
# PostgreSQL's message differs for each refused record, which would make too many label values.
_REFUSED = "PostgreSQL refused it"
_REJECTS = """
    SELECT CASE WHEN starts_with(reason, %s) THEN %s ELSE reason END, count(*)
    FROM stream_rejects WHERE ingest_date = %s GROUP BY 1"""
_REFUSED_LATELY = "SELECT count(*) FROM stream_rejects WHERE ingest_date = ANY(%s) AND starts_with(reason, %s)"
_MISDATED = "SELECT count(*) FROM (SELECT FROM stream_rejects WHERE ingest_date = %s LIMIT 1000000) AS misdated"
_DUPLICATES = "SELECT count(*) FROM stream_duplicates WHERE ingest_date = %s"
_LATE = "SELECT coalesce(sum(records), 0)::bigint FROM stream_late_records"
_HAS_ROWS = "SELECT EXISTS (SELECT FROM pinterest_stream WHERE ingest_date = %s)::int"


class StreamFigures:
    """Counts each row once: those with offsets since the last scrape."""

    def __init__(self, settings: Settings, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._settings = settings
        self._clock = clock
        self._counted_to: dict[int, int] | None = None
        self._counts = [0] * (len(LATENCY_BUCKETS) + 1)
        self._seconds = 0.0

    def collect(self) -> Iterator[Metric]:
        """Offsets, rows, latency, rejects and the heartbeat.

        Raises:
            psycopg.Error: PostgreSQL is unavailable, or does not have the stream's tables yet.
        """
        topic, today = self._settings.kafka_topic, self._clock().date()
        with closing(
            connect(self._settings, autocommit=True, name="platform_exporter", patience_seconds=2)
        ) as connection:
            connection.execute(_PATIENCE)
            progress = next_offsets(connection, topic)
            self._count(connection, progress, today - timedelta(days=1))
            yield _by("stream_next_offset", "The next offset that the stream reads.", "topic", topic, progress)
            yield from self._latencies()
            yield from _of_today(connection, today)
            yield from _out_of_place(connection, today)
            yield from _heartbeat(connection, topic)

    def _count(self, connection: Connection, progress: Mapping[int, int], since: date) -> None:
        """Counts rows from the progress at the first scrape on; late rows of days before `since` are left out."""
        if self._counted_to is None:
            self._counted_to = dict(progress)
        for partition, following in progress.items():
            first = self._counted_to.get(partition, 0)
            if first < following:
                buckets = list(LATENCY_BUCKETS)
                for bucket, rows, seconds in _rows(connection, _LATENCIES, buckets, since, partition, first, following):
                    self._counts[bucket] += rows
                    self._seconds += seconds
        self._counted_to = dict(progress)

    def _latencies(self) -> Iterator[Metric]:
        bounds = [*map(str, LATENCY_BUCKETS), "+Inf"]
        buckets = list(zip(bounds, map(float, accumulate(self._counts)), strict=True))
        help_text = "Time from the API's receipt of an event to its row in pinterest_stream."
        yield HistogramMetricFamily("stream_latency_seconds", help_text, buckets=buckets, sum_value=self._seconds)
        yield CounterMetricFamily("stream_rows", "Rows stored since this exporter started.", sum(self._counts))


def _of_today(connection: Connection, today: date) -> Iterator[Metric]:
    rejects = GaugeMetricFamily(
        "stream_rejects_today", "Today's (UTC) records that are not valid pins.", labels=["reason"]
    )
    for reason, count in _rows(connection, _REJECTS, _REFUSED, _REFUSED, today):
        rejects.add_metric([reason], count)
    yield rejects
    [(duplicates,)], [(late,)] = _rows(connection, _DUPLICATES, today), _rows(connection, _LATE)
    yield GaugeMetricFamily("stream_duplicates_today", "Today's (UTC) records that repeat a stored event.", duplicates)
    yield GaugeMetricFamily("stream_late_records", "Records that arrived after their day was dropped.", late)
    has_rows = GaugeMetricFamily("stream_day_has_rows", "1 if the day has any row.", labels=["days_ago"])
    for days_ago in (0, 1):
        [(found,)] = _rows(connection, _HAS_ROWS, today - timedelta(days=days_ago))
        has_rows.add_metric([str(days_ago)], found)
    yield has_rows


def _out_of_place(connection: Connection, today: date) -> Iterator[Metric]:
    lately = [today, today - timedelta(days=1), MISDATED_DAY]
    [(refused,)] = _rows(connection, _REFUSED_LATELY, lately, _REFUSED)
    [(misdated,)] = _rows(connection, _MISDATED, MISDATED_DAY)
    yield GaugeMetricFamily(
        "stream_refused_records", "Records of today and yesterday that PostgreSQL refused.", refused
    )
    yield GaugeMetricFamily(
        "stream_misdated_records", "Records with an implausible timestamp, counted up to a million.", misdated
    )


def _heartbeat(connection: Connection, topic: str) -> Iterator[Metric]:
    heartbeat = read_heartbeat(connection, topic)
    age = GaugeMetricFamily("stream_heartbeat_age_seconds", "Time since the streaming run's last heartbeat.")
    if heartbeat:
        age.add_metric([], heartbeat.silent_seconds)
    yield age


def _by(name: str, help_text: str, label: str, value: str, by_partition: Mapping[int, int]) -> Metric:
    metric = GaugeMetricFamily(name, help_text, labels=[label, "kafka_partition"])
    for partition, number in by_partition.items():
        metric.add_metric([value, str(partition)], number)
    return metric


def _rows(connection: Connection, query: LiteralString, *parameters: object) -> list[Any]:
    return connection.execute(query, parameters).fetchall()
