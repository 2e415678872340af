"""How batch runs survive kill -9 at every point, and S3 or Cassandra being unavailable for a minute.

Run it with `.venv/bin/python -m benchmarks.batch_crashes`. It starts its own servers; a run is a real `dagster asset
materialize`. For each case it prints the message to the user. It checks that the next run leaves the same in the stores
as a clean run, and that readers saw only the old or the new slice meanwhile.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from pyspark.sql import SparkSession

from benchmarks.record import record
from benchmarks.stack import BENCHMARK_SETTINGS, running
from infra.local_stack.stack import LocalStack
from pinterest_platform.reconciliation.reconcile import open_stores, reconcile
from pinterest_platform.settings import Settings
from pinterest_platform.stores.cassandra import create_tables
from pinterest_platform.stores.postgres import migrate
from pinterest_platform.stores.spark import open_session
from pinterest_platform_tests.support.batch_process import DAGSTER, BatchProcess, batch_process, told
from pinterest_platform_tests.support.crashed_day import (
    DAY,
    CrashedDay,
    Moment,
    Watch,
    make_crashed_day,
    with_earlier_slice,
)
from pinterest_platform_tests.support.outages import kill_server
from pinterest_platform_tests.support.rows import stored_days
from pinterest_platform_tests.support.slice_reader import Sightings, read_all_the_while

RUN_SECONDS = 600.0
# The session that lays out each case outlives Cassandra's outages: it must not wait a minute before it looks again.
RECONNECTING_SOON = {"spark.cassandra.connection.reconnectionDelayMS.max": "1000"}
Disaster = Callable[[BatchProcess, LocalStack], str]


@dataclass
class Outcome:
    """Of one case; `wrong` is empty where all went as it must."""

    what: str
    told: str = ""
    output: str = ""
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)
    sightings: Sightings = field(default_factory=Sightings)


def main() -> None:
    arguments = _arguments()
    with running(["kafka", "s3", "cassandra", "postgres"]) as settings:
        own = settings.model_copy(update={"cassandra_keyspace": "crashes"})
        create_tables(own)
        migrate(own)
        stack = LocalStack(BENCHMARK_SETTINGS)
        spark = open_session(own.model_copy(update={"spark_options": RECONNECTING_SOON}))
        try:
            day = make_crashed_day(spark, own, arguments.pins)
            print(f"{arguments.pins:,} pins, {day.earlier:,} rows of them served before, {day.later:,} after.")
            for _ in range(arguments.rounds):
                for what, moment, disaster in cases(arguments.outage_seconds):
                    if any(text in what for text in arguments.only):
                        outcome = run_case(spark, day, stack, what, moment, disaster)
                        show(outcome)
                        if arguments.verbose:
                            print(outcome.output)
        finally:
            spark.stop()


def cases(outage_seconds: float) -> Iterator[tuple[str, Moment, Disaster]]:
    for moment in Moment:
        yield f"kill -9 of the run when {moment.value}", moment, _kill
    for moment in (Moment.CLEANING, Moment.UPLOADED, Moment.SERVING):
        yield f"kill -9 of its JVM when {moment.value}", moment, _kill_jvm
    for moment in (Moment.LANDING, Moment.CLEANING, Moment.SERVING):
        yield f"S3 away for {outage_seconds:.0f} s when {moment.value}", moment, _stop("s3", outage_seconds)
    for moment in (Moment.COMMITTED, Moment.SERVING):
        yield (
            f"Cassandra away for {outage_seconds:.0f} s when {moment.value}",
            moment,
            _stop("cassandra", outage_seconds),
        )


def run_case(
    spark: SparkSession, day: CrashedDay, stack: LocalStack, what: str, moment: Moment, disaster: Disaster
) -> Outcome:
    own = with_earlier_slice(spark, day)
    outcome = Outcome(what)
    with read_all_the_while(own, DAY, day.earlier, day.later) as outcome.sightings:
        watch = Watch(own)
        with batch_process(own, *DAGSTER, DAY.isoformat()) as run:
            watch.wait_for(moment, while_=run.is_alive)
            began = time.monotonic()
            outcome.told = disaster(run, stack)
            outcome.seconds = time.monotonic() - began
            outcome.output = run.output()
        retry(own, outcome)
    outcome.wrong += outcome.sightings.wrong[:3]
    if stored_days(own, [DAY]) != day.expected:
        outcome.wrong.append("the stores are not those of a clean run")
    with open_stores(own) as stores:
        outcome.wrong += reconcile(stores, DAY).differences()
    return outcome


def retry(settings: Settings, outcome: Outcome) -> None:
    with batch_process(settings, *DAGSTER, DAY.isoformat()) as run:
        if run.wait(RUN_SECONDS):
            outcome.wrong.append(f"the retry failed: {told(run.output())}")


def _kill(run: BatchProcess, _: LocalStack) -> str:
    return f"(killed; its JVM ended {run.kill():.1f} s later)"


def _kill_jvm(run: BatchProcess, _: LocalStack) -> str:
    run.kill_jvm()
    return f"exit {run.wait(RUN_SECONDS)}: {told(run.output())}"


def _stop(server: str, seconds: float) -> Disaster:
    def stop(run: BatchProcess, stack: LocalStack) -> str:
        kill_server(stack, server)
        began = time.monotonic()
        while run.is_alive() and time.monotonic() - began < seconds:
            time.sleep(0.1)
        ended = f"{time.monotonic() - began:.0f} s after it went"
        time.sleep(max(0, seconds - (time.monotonic() - began)))
        stack.start([server])
        if run.is_alive():
            run.wait(RUN_SECONDS)
            ended = f"{time.monotonic() - began:.0f} s after it went, back since {seconds:.0f}"
        return f"exit {run.wait(1)} {ended}: {told(run.output())}"

    return stop


def show(outcome: Outcome) -> None:
    seen = outcome.sightings
    print(
        f"{'WRONG' if outcome.wrong else 'ok   '} {outcome.what} ({outcome.seconds:.0f} s)\n"
        f"      told: {outcome.told}\n"
        f"      readers: {seen.parquet} of Parquet, {seen.cassandra} of Cassandra, {seen.overtaken} overtaken, "
        f"{seen.away} found it away\n" + "".join(f"      {wrong}\n" for wrong in outcome.wrong),
        flush=True,
    )
    record("batch_crashes", outcome.what, not outcome.wrong, note="; ".join(outcome.wrong))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pins", type=int, default=30_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--outage-seconds", type=float, default=60)
    parser.add_argument("--only", nargs="+", default=[""], help="cases with one of these texts in their name")
    parser.add_argument("--verbose", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
