"""How fast a day is cleaned and served: rows per core-second once Spark is warm, and rows a second into Cassandra.

Run it with `.venv/bin/python -m benchmarks.cleaning`. It starts Kafka, S3 and Cassandra of its own. Every event is of a
pin of its own, so that as many rows reach Cassandra as events were posted.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import reduce

from pyspark.sql import DataFrame, SparkSession

from benchmarks.measured import Measured, measure
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


def main() -> None:
    with running(["kafka", "s3", "cassandra"]) as settings:
        own = new_corner(settings)
        create_tables(own)
        post_day(own, DAY, EVENTS, distinct=True)
        with open_topic(own) as topic:
            land_day(topic, open_bucket(own), DAY, PlausibleTimes.now(own.first_day))
        spark = open_session(own, driver_for(open_bucket(own), [DAY]))
        in_memory = _read(spark, own).localCheckpoint()
        _repeat("cleaning alone (from memory to nowhere)", lambda: _clean_to_nowhere(in_memory), TIMES)
        _repeat("cleaning alone (raw objects to nowhere)", lambda: _clean_to_nowhere(_read(spark, own)), TIMES)
        _repeat("clean slice (to Parquet, newest per pin)", lambda: replace_clean_slice(spark, open_bucket(own), DAY))
        _repeat("Cassandra slice", lambda: _serve(spark, own))
        spark.stop()


def _read(spark: SparkSession, settings: Settings) -> DataFrame:
    bucket = open_bucket(settings)
    return read_raw(spark, bucket, [stored.key for stored in landed_objects(bucket, DAY)])


def _clean_to_nowhere(lines: DataFrame) -> None:
    many = reduce(DataFrame.union, [lines] * TIMES)
    accepted(clean_lines(many)).write.format("noop").mode("overwrite").save()


def _serve(spark: SparkSession, settings: Settings) -> None:
    replace_batch_slices(read_clean(spark, open_bucket(settings), [DAY]), settings, [DAY])


def _repeat(name: str, work: Callable[[], object], times: int = 1) -> None:
    """Each round cleans or serves the events so many times; the first one warms up."""
    for number in range(ROUNDS):
        _print(f"{name}, {'cold' if number == 0 else f'warm {number}'}", measure(work), EVENTS * times)


def _print(name: str, done: Measured[object], rows: int) -> None:
    print(
        f"{name:<52}{done.seconds:6.2f} s {done.cpu_seconds:6.2f} CPU s  {rows / done.seconds:9,.0f} rows/s "
        f"{rows / done.cpu_seconds:9,.0f} rows per core-second",
        flush=True,
    )


if __name__ == "__main__":
    main()
