"""What the JVM's second compiler costs and brings: a run of a small day and of a larger one, with it and without.

Run it with `.venv/bin/python -m benchmarks.compilers`. It starts Kafka, S3 and Cassandra of its own. Each run is a new
process, as a run in Dagster is: Spark's start, the clean slice, the Cassandra slice and the popularity.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from datetime import date, timedelta

from benchmarks.measured import measure
from benchmarks.stack import BENCHMARK_SETTINGS, corner_of, running
from benchmarks.topic import post_day
from infra.local_stack.stack import LocalStack
from pinterest_platform.batch.clean_slice import read_clean, replace_clean_slice
from pinterest_platform.batch.landing import land_day
from pinterest_platform.batch.popularity import replace_popularity
from pinterest_platform.batch.serving import replace_batch_slices
from pinterest_platform.settings import Settings
from pinterest_platform.stores.cassandra import create_tables
from pinterest_platform.stores.kafka import open_topic
from pinterest_platform.stores.s3 import open_bucket
from pinterest_platform.stores.spark import open_session

SIZES = (11_000, 100_000, 300_000)
FIRST_DAY = date(2026, 11, 1)
ROUNDS = 2
RUN_SECONDS = 300


def main() -> None:
    arguments = _arguments()
    if arguments.day:
        _run(arguments.day, arguments.bucket, is_short=arguments.is_short)
        return
    with running(["kafka", "s3", "cassandra"]) as settings:
        own = corner_of(settings)
        create_tables(own)
        days = {FIRST_DAY + timedelta(days=number): size for number, size in enumerate(SIZES)}
        for day, size in days.items():
            post_day(own, day, size)
            with open_topic(own) as topic:
                land_day(topic, open_bucket(own), day)
        for _ in range(ROUNDS):
            for day, size in days.items():
                for option in ([], ["--is-short"]):
                    name = "the first compiler alone" if option else "both compilers"
                    print(f"{size:9,} events, {name:<24} ", end="", flush=True)
                    command = [sys.executable, "-m", "benchmarks.compilers", "--bucket", own.s3_bucket]
                    subprocess.run([*command, "--day", day.isoformat(), *option], check=True, timeout=RUN_SECONDS)


def _run(day: date, bucket: str, *, is_short: bool) -> None:
    settings = LocalStack(BENCHMARK_SETTINGS).settings.model_copy(update={"s3_bucket": bucket})
    done = measure(lambda: _materialise(settings, day, is_short=is_short))
    print(f"{done.seconds:6.1f} s {done.cpu_seconds:6.1f} CPU s", flush=True)


def _materialise(settings: Settings, day: date, *, is_short: bool) -> None:
    spark, bucket = open_session(settings, is_short=is_short), open_bucket(settings)
    replace_clean_slice(spark, bucket, day)
    replace_batch_slices(read_clean(spark, bucket, [day]), settings, [day])
    replace_popularity(spark, bucket, settings, [day])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--day", type=date.fromisoformat, help="run this day and end; the parent process asks for it")
    parser.add_argument("--bucket", help="where the day has landed")
    parser.add_argument("--is-short", action="store_true", help="with the first compiler alone")
    return parser.parse_args()


if __name__ == "__main__":
    main()
