"""How fast a day is cleaned and served: rows per core-second once Spark is warm, and rows per second into Cassandra.

Run it with `.venv/bin/python -m benchmarks.cleaning`. It starts its own Kafka, S3 and Cassandra. Every event is a
different pin, so that Cassandra gets as many rows as events were posted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import reduce

from pyspark.sql import DataFrame, SparkSession

from benchmarks.measured import measure
from benchmarks.record import record
from benchmarks.stack import running
from benchmarks.topic import post_day
from pinterest_platform.clean_slices.build import read_clean, read_raw
from pinterest_platform.defs.spark_session import driver_for
from pinterest_platform.landing.landing import land_day
from pinterest_platform.landing.raw_objects import landed_objects
from pinterest_platform.pins.calendar import PlausibleTimes
from pinterest_platform.pins.cleaning import accepted, clean_lines
from pinterest_platform.serving.pinterest_batch import replace_batch_slices
from pinterest_platform.settings import Settings
from pinterest_platform.stores.cassandra import create_tables
from pinterest_platform.stores.kafka import open_topic
from pinterest_platform.stores.s3 import open_bucket
from pinterest_platform.stores.spark import open_session
from pinterest_platform_tests.support.cleaned_day import replace_clean_slice
from pinterest_platform_tests.support.corner import new_corner

DAY = date(2026, 11, 16)
EVENTS = 200_000
TIMES = 5  # cleaned alone in one job, of which the start then counts for little
ROUNDS = 8


@dataclass(frozen=True)
class Round:
    """What a round took."""

    rows: int
    seconds: float
    cpu_seconds: float


def main() -> None:
    with running(["kafka", "s3", "cassandra"]) as settings:
        own = new_corner(settings)
        create_tables(own)
        post_day(own, DAY, EVENTS, distinct=True)
        with open_topic(own) as topic:
            land_day(topic, open_bucket(own), DAY, PlausibleTimes.now(own.first_day))
        spark = open_session(own, driver_for(open_bucket(own), [DAY]))
        in_memory = _read(spark, own).localCheckpoint()
        rules = _repeat("cleaning alone (from memory to nowhere)", lambda: _clean_to_nowhere(in_memory), TIMES)
        _record_rows_per_core("cleaning alone (from memory to nowhere)", rules, target=">= 80000")
        read = _repeat("cleaning alone (raw objects to nowhere)", lambda: _clean_to_nowhere(_read(spark, own)), TIMES)
        _record_rows_per_core("cleaning alone (raw objects to nowhere)", read)
        written = _repeat(
            "clean slice (to Parquet, newest per pin)", lambda: replace_clean_slice(spark, open_bucket(own), DAY)
        )
        _record_rows_per_core("clean slice (to Parquet, newest per pin)", written)
        served = [done.rows / done.seconds for done in _repeat("Cassandra slice", lambda: _serve(spark, own))]
        record("cleaning", "Cassandra slice, cold", served[0], "rows/s")
        record("cleaning", "Cassandra slice, warm", (min(served[1:]), max(served[1:])), "rows/s", target=">= 7500")
        spark.stop()


def _read(spark: SparkSession, settings: Settings) -> DataFrame:
    bucket = open_bucket(settings)
    return read_raw(spark, bucket, [stored.key for stored in landed_objects(bucket, DAY)])


def _clean_to_nowhere(lines: DataFrame) -> None:
    many = reduce(DataFrame.union, [lines] * TIMES)
    accepted(clean_lines(many)).write.format("noop").mode("overwrite").save()


def _serve(spark: SparkSession, settings: Settings) -> None:
    replace_batch_slices(read_clean(spark, open_bucket(settings), [DAY]), settings, [DAY])


def _repeat(name: str, work: Callable[[], object], times: int = 1) -> list[Round]:
    """Each round cleans or serves the events so many times; the first one warms up."""
    rounds = []
    for number in range(ROUNDS):
        done = measure(work)
        rounds.append(Round(EVENTS * times, done.seconds, done.cpu_seconds))
        _print(f"{name}, {'cold' if number == 0 else f'warm {number}'}", rounds[-1])
    return rounds


def _print(name: str, done: Round) -> None:
    print(
        f"{name:<52}{done.seconds:6.2f} s {done.cpu_seconds:6.2f} CPU s  {done.rows / done.seconds:9,.0f} rows/s "
        f"{done.rows / done.cpu_seconds:9,.0f} rows per core-second",
        flush=True,
    )


def _record_rows_per_core(name: str, rounds: list[Round], target: str | None = None) -> None:
    cold, *warm = (done.rows / done.cpu_seconds for done in rounds)
    record("cleaning", f"{name}, cold", cold, "rows per core-second")
    record("cleaning", f"{name}, warm", (min(warm), max(warm)), "rows per core-second", target=target)


if __name__ == "__main__":
    main()
