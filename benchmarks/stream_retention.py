"""Drops a day of 10,000,000 posters after its retention, while the stream goes on.

Run it with `.venv/bin/python -m benchmarks.stream_retention`. It starts its own Kafka, S3 and PostgreSQL. It fails if
the run of the stream ends by itself, if the day is not dropped, or if a profile differs from a recount.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import count

from kafka import KafkaProducer

from benchmarks.record import record
from benchmarks.stack import running
from pinterest_platform.connections import kafka_python_options
from pinterest_platform.pins.calendar import today
from pinterest_platform.settings import Settings
from pinterest_platform.stores.java_options import Driver
from pinterest_platform.stores.postgres import Connection, connect, migrate
from pinterest_platform.stores.spark import open_session
from pinterest_platform.stream.activity import StreamReport
from pinterest_platform.stream.day_partitions import create_day_partition, existing_partitions
from pinterest_platform.stream.loop import Watcher, run_stream
from pinterest_platform.stream.profiles import differing_profiles
from pinterest_platform_tests.support.corner import new_corner
from pinterest_platform_tests.support.pins import posted
from pinterest_platform_tests.support.waiting import repeated

_MOST_SECONDS = 3_600
_POSTS_A_TICK, _TICK_SECONDS = 10, 0.1
_OLD_ROWS = """
    INSERT INTO pinterest_stream (unique_id, index_id, category, poster_name, follower_count, event_id, ingested_at,
        ingest_date, kafka_partition, kafka_offset)
    SELECT 'pin ' || number, number, 'art', 'poster ' || number, number, 'event ' || number,
        %(day)s::date::timestamp AT TIME ZONE 'UTC' + number * interval '1 millisecond', %(day)s, 0, number
    FROM generate_series(1, %(rows)s) AS number"""
_THEIR_PROFILES = """
    INSERT INTO profile_popularity (poster_name, posts, latest_follower_count, last_posted_at, followers_at,
        followers_partition, followers_offset)
    SELECT poster_name, 1, follower_count, ingested_at, ingested_at, kafka_partition, kafka_offset
    FROM pinterest_stream WHERE ingest_date = %(day)s"""


@dataclass
class Seen:
    """What the stream has reported while the day was dropped. `longest_seconds`: the greatest latency of a batch."""

    rows: int = 0
    longest_seconds: float = 0.0
    troubles: list[str] = field(default_factory=list)

    def add(self, report: StreamReport) -> None:
        self.rows += report.rows
        self.longest_seconds = max(self.longest_seconds, report.latency_seconds or 0.0)
        self.troubles += [report.trouble] if report.trouble else []


def main() -> int:
    rows = _rows()
    with running(["kafka", "s3", "postgres"]) as settings:
        own = new_corner(settings)
        migrate(own)
        day = today() - timedelta(days=own.stream_retention_days + 1)
        _fill(own, day, rows)
        spark, seen, began = open_session(own, Driver.STREAM), Seen(), time.monotonic()
        with _posting(own), closing(connect(own, autocommit=True)) as connection:

            def is_over() -> bool:
                late = time.monotonic() > began + _MOST_SECONDS
                return late or not existing_partitions(connection, day, day)

            run_stream(lambda: spark, own, "benchmark", Watcher(seen.add, is_over, report_every_seconds=1.0))
            seconds = time.monotonic() - began
            is_dropped = not existing_partitions(connection, day, day)
        spark.stop()
        with closing(connect(own, autocommit=True)) as connection:
            differing = differing_profiles(connection)
    note = f"{seen.rows:,} rows stored meanwhile"
    print(f"{seconds:.0f} s, {note}, {len(differing)} profiles differ, troubles: {seen.troubles[:3]}")
    record("stream_retention", f"{rows:,} posters dropped while one run streams", is_dropped and not seen.troubles)
    record("stream_retention", f"{rows:,} posters dropped: every profile equals a recount", not differing)
    record("stream_retention", f"{rows:,} posters dropped: from the stream's start to its end", seconds, "s")
    record("stream_retention", "longest latency of a batch meanwhile", seen.longest_seconds, "s", note=note)
    return 0 if is_dropped and not differing and not seen.troubles else 1


def _fill(settings: Settings, day: date, rows: int) -> None:
    with closing(connect(settings, autocommit=True)) as connection:
        create_day_partition(connection, day)
        for statement in (_OLD_ROWS, _THEIR_PROFILES):
            _timed(connection, statement, {"day": day, "rows": rows})


def _timed(connection: Connection, statement: str, values: dict[str, object]) -> None:
    began = time.monotonic()
    connection.execute(statement.encode(), values)
    print(f"filled in {time.monotonic() - began:.0f} s: {statement.split('(')[0].strip()}", flush=True)


@contextmanager
def _posting(settings: Settings) -> Iterator[None]:
    """New pins of today all the while."""
    producer, numbers = KafkaProducer(**kafka_python_options(settings), acks="all"), count()

    def post() -> None:
        for _ in range(_POSTS_A_TICK):
            name = f"new {next(numbers)}"
            producer.send(settings.kafka_topic, posted(unique_id=name, event_id=name))

    try:
        with repeated(post, _TICK_SECONDS):
            yield
    finally:
        producer.close()


def _rows() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posters", type=int, default=10_000_000)
    rows: int = parser.parse_args().posters
    return rows


if __name__ == "__main__":
    sys.exit(main())
