"""What each JVM profile in `stores.java_options.Driver` costs: a run of a small day and of larger ones.

Run it with `.venv/bin/python -m benchmarks.drivers`. It starts its own Kafka, S3 and Cassandra. Each run is a new
process, as in Dagster: Spark's start, the clean slice, the Cassandra slice and the popularity.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from datetime import date, timedelta

from benchmarks.measured import measure
from benchmarks.record import record
from benchmarks.stack import BENCHMARK_SETTINGS, running
from benchmarks.topic import post_day
from infra.local_stack.stack import LocalStack
from pinterest_platform.clean_slices.build import read_clean
from pinterest_platform.landing.landing import land_day
from pinterest_platform.pins.calendar import PlausibleTimes
from pinterest_platform.serving.category_popularity import replace_popularity
from pinterest_platform.serving.pinterest_batch import replace_batch_slices
from pinterest_platform.settings import Settings
from pinterest_platform.stores.cassandra import create_tables
from pinterest_platform.stores.java_options import Driver
from pinterest_platform.stores.kafka import open_topic
from pinterest_platform.stores.s3 import open_bucket
from pinterest_platform.stores.spark import open_session
from pinterest_platform_tests.support.cleaned_day import replace_clean_slice
from pinterest_platform_tests.support.corner import new_corner

SIZES = (11_000, 100_000, 300_000)
FIRST_DAY = date(2026, 11, 1)
ROUNDS = 2
RUN_SECONDS = 300


def main() -> None:
    arguments = _arguments()
    if arguments.day:
        _run(arguments.day, arguments.bucket, Driver[arguments.driver])
        return
    with running(["kafka", "s3", "cassandra"]) as settings:
        own = new_corner(settings)
        create_tables(own)
        days = {FIRST_DAY + timedelta(days=number): size for number, size in enumerate(SIZES)}
        for day, size in days.items():
            post_day(own, day, size)
            with open_topic(own) as topic:
                land_day(topic, open_bucket(own), day, PlausibleTimes.now(own.first_day))
        for _ in range(ROUNDS):
            for day, size in days.items():
                for driver in Driver:
                    print(f"{size:9,} events, {driver.name:<7} ", end="", flush=True)
                    command = [sys.executable, "-m", "benchmarks.drivers", "--bucket", own.s3_bucket]
                    command += ["--day", day.isoformat(), "--driver", driver.name]
                    subprocess.run(command, check=True, timeout=RUN_SECONDS)


def _run(day: date, bucket: str, driver: Driver) -> None:
    settings = LocalStack(BENCHMARK_SETTINGS).settings.model_copy(update={"s3_bucket": bucket})
    done = measure(lambda: _materialise(settings, day, driver))
    print(f"{done.seconds:6.1f} s {done.cpu_seconds:6.1f} CPU s", flush=True)
    name = f"{SIZES[(day - FIRST_DAY).days]:,} events, {driver.name}"
    record("drivers", name, done.seconds, "s")
    record("drivers", f"{name}: CPU", done.cpu_seconds, "CPU s")


def _materialise(settings: Settings, day: date, driver: Driver) -> None:
    spark, bucket = open_session(settings, driver), open_bucket(settings)
    replace_clean_slice(spark, bucket, day)
    replace_batch_slices(read_clean(spark, bucket, [day]), settings, [day])
    replace_popularity(spark, bucket, settings, [day])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--day", type=date.fromisoformat, help="run this day and end; the parent process asks for it")
    parser.add_argument("--bucket", help="where the day has landed")
    parser.add_argument("--driver", choices=[driver.name for driver in Driver], help="its kind")
    return parser.parse_args()


if __name__ == "__main__":
    main()
