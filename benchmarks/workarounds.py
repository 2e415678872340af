"""What three workarounds buy: the class archive, days that are written together, and Presto's rule for waiting queries.

Run it with `.venv/bin/python -m benchmarks.workarounds`. Each is measured with and without, in turns, in one run. The
seconds of an archive are those of a new process, which does nothing but start Spark and clean a day of 300 events.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from statistics import median

import psutil
from pyspark.sql import DataFrame

from benchmarks.measured import cpu_seconds, measure
from benchmarks.record import record
from benchmarks.stack import BENCHMARK_SETTINGS, running
from benchmarks.topic import post_day
from infra.local_stack.class_archive import make_class_archive
from infra.local_stack.processes import launch
from infra.local_stack.stack import LocalStack
from infra.local_stack.terminal import Terminal
from pinterest_platform.clean_slices.build import read_clean
from pinterest_platform.clean_slices.days_write import write_days
from pinterest_platform.landing.landing import land_day
from pinterest_platform.pins.calendar import PlausibleTimes
from pinterest_platform.settings import Settings
from pinterest_platform.stores.java_options import Driver
from pinterest_platform.stores.kafka import open_topic
from pinterest_platform.stores.s3 import open_bucket
from pinterest_platform.stores.spark import open_session, s3a_url
from pinterest_platform_tests.support.cleaned_day import replace_clean_slice
from pinterest_platform_tests.support.corner import new_corner
from pinterest_platform_tests.support.outages import kill_server
from pinterest_platform_tests.support.waiting import wait_for

FIRST_DAY = date(2026, 11, 1)
DAYS, EVENTS = 30, 300
ROUNDS = 3
RUN_SECONDS, IDLE_SECONDS = 300, 60
_RULE = "RULE waiting queries are looked at twenty times a second"


def main() -> None:
    arguments = _arguments()
    if arguments.bucket:
        _clean_a_day(_own(arguments.bucket), arguments.archive)
        return
    make_class_archive(BENCHMARK_SETTINGS, Terminal())
    with running(["kafka", "s3", "cassandra"]) as settings:
        own = new_corner(settings)
        days = [FIRST_DAY + timedelta(days=number) for number in range(DAYS)]
        for day in days:
            post_day(own, day, EVENTS)
        with open_topic(own) as topic:
            for day in reversed(days):
                land_day(topic, open_bucket(own), day, PlausibleTimes.now(own.first_day))
        _compare(
            f"Spark's start and a day of {EVENTS} events",
            {"with the class archive": lambda: _run(own, True), "without": lambda: _run(own, False)},
        )
        _compare_writes(own, days)
    _compare_presto()


def _compare(name: str, ways: Mapping[str, Callable[[], object]]) -> None:
    """Do each in turns; the first of the ways is the one that the platform uses."""
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(ROUNDS):
        for way, work in ways.items():
            seconds[way].append(measure(work).seconds)
    _tell(name, {way: median(each) for way, each in seconds.items()}, "s")


def _tell(name: str, values: Mapping[str, float], unit: str) -> None:
    (ours, value), *others = values.items()
    print(f"{name}: " + ", ".join(f"{way} {number:.2f} {unit}" for way, number in values.items()), flush=True)
    record("workarounds", f"{name}, {ours}", value, unit, peer=dict(others))


def _run(own: Settings, with_archive: bool) -> None:
    command = [sys.executable, "-m", "benchmarks.workarounds", "--bucket", own.s3_bucket]
    subprocess.run([*command, *(["--archive"] if with_archive else [])], check=True, timeout=RUN_SECONDS)


def _own(bucket: str) -> Settings:
    return LocalStack(BENCHMARK_SETTINGS).settings.model_copy(update={"s3_bucket": bucket})


def _clean_a_day(settings: Settings, with_archive: bool) -> None:
    archive = settings.spark_class_archive if with_archive else None
    spark = open_session(settings.model_copy(update={"spark_class_archive": archive}), Driver.SMALL_BATCH)
    replace_clean_slice(spark, open_bucket(settings), FIRST_DAY)


def _compare_writes(own: Settings, days: list[date]) -> None:
    spark, bucket = open_session(own, Driver.SMALL_BATCH), open_bucket(own)
    for day in days:
        replace_clean_slice(spark, bucket, day)
    pins = read_clean(spark, bucket, days).cache()
    pins.count()
    _compare(
        f"the Parquet of {DAYS} days of {EVENTS} events",
        {
            "written together and copied by S3": lambda: write_days(pins, bucket, lambda day: f"trial/{day}/"),
            "a write a day": lambda: _write_each(pins, {day: s3a_url(bucket, f"trial/{day}/") for day in days}),
        },
    )
    spark.stop()


def _write_each(pins: DataFrame, folders: Mapping[date, str]) -> None:
    for day, folder in folders.items():
        pins.where(pins["ingest_date"] == day).coalesce(1).write.mode("append").parquet(folder)


def _compare_presto() -> None:
    with running(["presto"]):
        stack = LocalStack(BENCHMARK_SETTINGS)
        used = {"with the rule": _idle_seconds(wait_for(lambda: stack.process("presto")))}
        kill_server(stack, "presto")
        presto = stack.servers["presto"]
        rules = presto.folder / "rules.btm"
        rules.write_text(rules.read_text().partition(_RULE)[0])
        # Not by the stack, which would write the rules anew.
        process = launch(presto, stack.place.log_file(presto.name), stack.place.state)
        try:
            wait_for(lambda: presto.problem() is None, presto.start_seconds)
            used["without"] = _idle_seconds(psutil.Process(process.pid))
        finally:
            process.kill()
            process.wait()
    _tell(f"CPU of an idle Presto in {IDLE_SECONDS} s", used, "CPU s")


def _idle_seconds(process: psutil.Process) -> float:
    time.sleep(IDLE_SECONDS)  # what starting costs is over then
    before = cpu_seconds(process)
    time.sleep(IDLE_SECONDS)
    return cpu_seconds(process) - before


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bucket", help="clean its first day and end; the parent process asks for it")
    parser.add_argument("--archive", action="store_true", help="with the class archive")
    return parser.parse_args()


if __name__ == "__main__":
    main()
