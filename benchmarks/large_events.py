"""Sends a backlog of large events through stream and batch, each with a driver's default heap.

Run it with `.venv/bin/python -m benchmarks.large_events`. It starts its own Kafka, S3, Cassandra and PostgreSQL. It
fails if an event is missing in a store, or if Spark runs out of memory.
"""

from __future__ import annotations

import argparse
import random
import string
import sys
import time
from contextlib import closing
from datetime import date
from typing import Any

import psutil
from kafka import KafkaProducer

from benchmarks.measured import watched_memory
from benchmarks.record import record
from benchmarks.stack import running
from pinterest_platform.pins.calendar import start_of
from pinterest_platform.settings import Settings
from pinterest_platform.stores.cassandra import create_tables
from pinterest_platform.stores.java_options import Driver
from pinterest_platform.stores.postgres import connect, migrate
from pinterest_platform.stores.spark import open_session
from pinterest_platform.stream.lag import stream_lag
from pinterest_platform.stream.loop import Watcher, run_stream
from pinterest_platform_tests.support.batch_process import run_day
from pinterest_platform_tests.support.corner import new_corner
from pinterest_platform_tests.support.pins import posted

DAY = date(2026, 11, 16)
_CATCH_UP_SECONDS = 900


def main() -> int:
    options = _options()
    with running(["kafka", "s3", "cassandra", "postgres"]) as settings:
        own = new_corner(settings)
        create_tables(own)
        migrate(own)
        _post(own, options.events, options.kib * 1024)
        spark = open_session(own, Driver.STREAM)
        with watched_memory(psutil.Process().pid) as peak:
            began = time.monotonic()
            run_stream(lambda: spark, own, "benchmark", Watcher(report=lambda _: None, until=_caught_up(own)))
            streamed = time.monotonic()
            run_day(own, DAY, lambda: spark)
            ended = time.monotonic()
        rows = {"PostgreSQL": _streamed(own), "Cassandra": _served(own)}
    print(f"{options.events:,} events of {options.kib} KiB, heap {settings.spark_driver_memory}: {rows}")
    print(f"stream {streamed - began:.1f} s, batch {ended - streamed:.1f} s, {peak.mib:.0f} MiB at the peak")
    size = f"{options.events:,} events of {options.kib} KiB"
    whole = all(stored == options.events for stored in rows.values())
    record("large_events", f"{size}: every one is a row in both layers", whole)
    record("large_events", f"{size}: stream", round(streamed - began, 1), "s")
    record("large_events", f"{size}: land, clean and serve", round(ended - streamed, 1), "s")
    record("large_events", f"{size}: memory at the peak, Python and JVM", round(peak.mib), "MiB")
    return int(not whole)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--kib", type=int, default=32)
    return parser.parse_args()


def _post(settings: Settings, events: int, size: int) -> None:
    dice = random.Random(1)  # noqa: S311
    letters = string.ascii_letters + string.digits
    producer = KafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers, batch_size=1024 * 1024)
    for number in range(events):
        padding = "".join(dice.choices(letters, k=size - 1024))
        value = posted(unique_id=f"pin {number}", event_id=f"event {number}", description=padding)
        at = start_of(DAY) + number
        producer.send(settings.kafka_topic, key=str(number).encode(), value=value, timestamp_ms=at)
    producer.flush()
    producer.close()


def _caught_up(settings: Settings) -> Any:
    deadline = time.monotonic() + _CATCH_UP_SECONDS

    def is_caught_up() -> bool:
        if time.monotonic() > deadline:
            raise TimeoutError(f"The stream is still {stream_lag(settings):,} records behind.")
        return stream_lag(settings) == 0

    return is_caught_up


def _streamed(settings: Settings) -> int:
    with closing(connect(settings)) as connection:
        row: Any = connection.execute("SELECT count(*) FROM pinterest_stream").fetchone()
        return int(row[0])


def _served(settings: Settings) -> int:
    from pinterest_platform.stores.cassandra import open_session as open_cassandra

    with open_cassandra(settings) as session:
        # Not count(*), for which a node reads the whole partition at once.
        statement = f"SELECT kafka_offset FROM {settings.cassandra_keyspace}.pinterest_batch"  # noqa: S608
        return sum(1 for _ in session.execute(statement, timeout=120))


if __name__ == "__main__":
    sys.exit(main())
