"""What a day costs as it grows: the duration of a run, the objects it writes, and the driver's peak memory.

Run it with `.venv/bin/python -m benchmarks.growth [--distinct] 100000 1000000 5000000`. It starts its own Kafka, S3,
Cassandra and PostgreSQL. Each run is a process like Dagster's: Python and its JVM, from the import to the last check.
With `--distinct` every event is a different pin; otherwise they are drawn from 11,000, like the emulator's.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import date

from benchmarks.measured import MIB, watched_memory
from benchmarks.record import record
from benchmarks.stack import running
from benchmarks.topic import post_day
from pinterest_platform.landing.raw_objects import landed_objects
from pinterest_platform.reconciliation.reconcile import open_stores, reconcile
from pinterest_platform.settings import Settings
from pinterest_platform.stores.cassandra import create_tables
from pinterest_platform.stores.s3 import open_bucket
from pinterest_platform_tests.support.corner import new_corner

DAY = date(2026, 11, 16)
COMMAND = ("dagster", "job", "execute", "-m", "pinterest_platform.definitions", "-j", "daily_batch", "--tags")


@dataclass(frozen=True)
class Run:
    """A day of `events`, run in `seconds` with `mib` of memory at the peak."""

    events: int
    seconds: float
    mib: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("events", type=int, nargs="+")
    parser.add_argument("--distinct", action="store_true")
    options = parser.parse_args()
    before: Run | None = None
    for events in options.events:
        with running(["kafka", "s3", "cassandra", "postgres"]) as settings:
            run = _day_of(settings, events, distinct=options.distinct)
        if before:
            times, cost = run.events / before.events, run.seconds / before.seconds
            print(
                f"{times:.1f} times the events take {cost:.2f} times as long: {cost / times:.2f} of linear", flush=True
            )
            grown = f"from {before.events:,} to {run.events:,} events{_kind(options.distinct)}"
            record("growth", grown, cost, "times as long", target=f"<= {1.1 * times:.2f}")
        before = run


def _day_of(settings: Settings, events: int, *, distinct: bool) -> Run:
    own = new_corner(settings)
    create_tables(own)
    posted = post_day(own, DAY, events, distinct=distinct)
    run = _run_day(own, events)
    objects = list(landed_objects(open_bucket(own), DAY))
    with open_stores(own) as stores:
        account = reconcile(stores, DAY)
    if account.differences():
        raise SystemExit("\n".join(account.differences()))
    print(
        f"{events:,} events, {posted / MIB:,.0f} MiB: {run.seconds:.1f} s, {events / run.seconds:,.0f} events/s, "
        f"{len(objects) * 1_000_000 / events:.0f} objects per million, {run.mib:,.0f} MiB at the peak; "
        f"raw {len(account.raw):,} = clean {len(account.clean):,} + superseded {len(account.superseded):,}, "
        f"Cassandra {len(account.cassandra):,}",
        flush=True,
    )
    name = f"{events:,} events{_kind(distinct)}"
    record("growth", name, run.seconds, "s")
    record("growth", f"{name}: objects per million", len(objects) * 1_000_000 / events, "objects", target="<= 150")
    record("growth", f"{name}: memory at the peak", run.mib, "MiB", target="<= 2048")
    return run


def _kind(distinct: bool) -> str:
    return " of a pin each" if distinct else ""


def _run_day(settings: Settings, events: int) -> Run:
    tags = f'{{"dagster/partition": "{DAY}"}}'
    with tempfile.TemporaryDirectory() as home, open(f"{home}/log", "w+") as log:  # noqa: PTH123
        environment = os.environ | settings.environment() | {"DAGSTER_HOME": home}
        began = time.monotonic()
        run = subprocess.Popen([sys.executable, "-m", *COMMAND, tags], env=environment, stdout=log, stderr=log)
        with watched_memory(run.pid) as peak:
            code = run.wait()
        seconds = time.monotonic() - began
        log.seek(0)
        if code:
            raise SystemExit(log.read()[-5000:])
        _print_steps(log.read())
    return Run(events, seconds, peak.mib)


def _print_steps(log: str) -> None:
    for line in log.splitlines():
        if "STEP_SUCCESS" in line:
            print("  " + line.partition("STEP_SUCCESS - ")[2], flush=True)


if __name__ == "__main__":
    main()
