"""Checks that a requested day stays requested until it is done, through outages of stores and kills.

Run it with `.venv/bin/python -m benchmarks.asked_for --minutes 20`. It starts the whole platform on its own ports. For
each case it posts records of a separate day, causes a fault, ends it and waits, without requesting the day again. It
fails if the day is not landed, cleaned, served and reconciled in time.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from kafka import KafkaProducer

from benchmarks.check_results import days_asked_for
from benchmarks.faults import process_of_run
from benchmarks.record import record
from benchmarks.stack import BENCHMARK_SETTINGS, running
from benchmarks.streaming import wait_for, wait_for_answer
from infra.local_stack.stack import LocalStack
from pinterest_platform.connections import kafka_python_options
from pinterest_platform.defs.jobs import BATCH_JOB
from pinterest_platform.pins.calendar import start_of, today
from pinterest_platform.reconciliation.reconcile import NotMaterialisedError, open_stores, reconcile
from pinterest_platform.settings import Settings
from pinterest_platform_tests.support.dagster import DagsterRun, runs_of, started_runs
from pinterest_platform_tests.support.outages import kill_server
from pinterest_platform_tests.support.pins import posted

SETTINGS = BENCHMARK_SETTINGS.model_copy(update={"stream_retention_days": -1})
RECORDS = 200
_RUN_SECONDS = 180.0
_DAYS = ("dagster/partition", "dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
Break = Callable[[LocalStack, Settings, date, Callable[[], None]], None]


@dataclass(frozen=True)
class Outcome:
    """Of one case. `seconds`: from when all was mended until the day was done; None where it never was."""

    case: str
    day: date
    runs: int
    failed: int
    seconds: float | None


def main() -> int:
    options = _options()
    outcomes: list[Outcome] = []
    with running(None, SETTINGS) as settings:
        stack = LocalStack(SETTINGS)
        for number, (name, break_it) in enumerate(cases(options.minutes * 60)):
            if any(text in name for text in options.only):
                day = today() - timedelta(days=number + 2)
                outcomes.append(_try(stack, settings, name, break_it, day, options.patience * 60))
                print(f"{outcomes[-1]}", flush=True)
    print("\n| case | day | runs | of them failed | done after, s |\n|---|---|---|---|---|")
    for one in outcomes:
        done = "**NEVER**" if one.seconds is None else f"{one.seconds:.0f}"
        print(f"| {one.case} | {one.day} | {one.runs} | {one.failed} | {done} |")
        record("asked_for", one.case, one.seconds is not None, note=f"{one.runs} runs, {one.failed} of them failed")
        if one.seconds is not None:
            record("asked_for", f"{one.case}: the day is done after", one.seconds, "s")
    return int(any(one.seconds is None for one in outcomes))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=20, help="that a store is away")
    parser.add_argument("--patience", type=float, default=40, help="minutes until a day must be done, all being well")
    parser.add_argument("--only", nargs="+", default=[""], help="cases with one of these texts in their name")
    return parser.parse_args()


def cases(away_seconds: float) -> Iterator[tuple[str, Break]]:
    """Each is given the stack, its settings, the day and a function that posts the day's records."""
    for store in ("s3", "cassandra"):
        yield f"{store} away for {away_seconds / 60:g} min", _away(store, away_seconds)
    yield "the run killed", _kill_run
    yield "the run killed, and each one after it, three times", _kill_three_runs
    yield "the daemon killed while the run goes on", _kill_daemon


def _try(
    stack: LocalStack, settings: Settings, name: str, break_it: Break, day: date, patience_seconds: float
) -> Outcome:
    break_it(stack, settings, day, lambda: _post(settings, day))
    try:
        seconds = wait_for(lambda: _is_done(settings, day), patience_seconds, f"end of what {day} was asked for")
    except TimeoutError:
        seconds = None
    statuses = _statuses(settings, day)
    return Outcome(name, day, len(statuses), statuses.count("FAILURE"), seconds)


def _post(settings: Settings, day: date) -> None:
    producer = KafkaProducer(**kafka_python_options(settings), acks="all")
    for number in range(RECORDS):
        value = posted(unique_id=f"{day} {number}", event_id=f"{day} {number}")
        producer.send(settings.kafka_topic, key=str(number).encode(), value=value, timestamp_ms=start_of(day) + number)
    producer.flush(timeout=60)
    producer.close()


def _is_done(settings: Settings, day: date) -> bool:
    """Landed, cleaned, served and accounted for, and no longer asked for."""
    with open_stores(settings) as stores:
        try:
            account = reconcile(stores, day)
        except NotMaterialisedError:
            return False
    whole = len(account.kafka) == RECORDS and not account.differences()
    return whole and day not in days_asked_for(settings)


def _away(store: str, seconds: float) -> Break:
    def away(stack: LocalStack, settings: Settings, day: date, post: Callable[[], None]) -> None:
        post()
        wait_for(lambda: bool(started_runs(settings, BATCH_JOB)), _RUN_SECONDS, "batch run")
        kill_server(stack, store)
        time.sleep(seconds)
        stack.start()

    return away


def _kill_run(stack: LocalStack, settings: Settings, day: date, post: Callable[[], None]) -> None:
    post()
    _kill_next_run(settings, day, set())


def _kill_three_runs(stack: LocalStack, settings: Settings, day: date, post: Callable[[], None]) -> None:
    post()
    killed: set[str] = set()
    for _ in range(3):
        killed.add(_kill_next_run(settings, day, killed))


def _kill_next_run(settings: Settings, day: date, but_not: set[str]) -> str:
    """Of the runs for the day; returns which. Another day's run may land the day's records first."""

    def look() -> str | None:
        for run in _runs(settings, day):
            is_under_way = run.status == "STARTED" and run.run_id not in but_not
            if is_under_way and (process := process_of_run(settings, run.run_id)):
                process.kill()
                return run.run_id
        return None

    return wait_for_answer(look, 10 * _RUN_SECONDS, "batch run to kill")


def _kill_daemon(stack: LocalStack, settings: Settings, day: date, post: Callable[[], None]) -> None:
    post()
    wait_for(lambda: bool(started_runs(settings, BATCH_JOB)), _RUN_SECONDS, "batch run")
    kill_server(stack, "dagster-daemon")
    stack.start()


def _statuses(settings: Settings, day: date) -> list[str]:
    return [run.status for run in _runs(settings, day)]


def _runs(settings: Settings, day: date) -> list[DagsterRun]:
    """The batch's runs that had the day among theirs."""
    runs = runs_of(settings, BATCH_JOB)
    return [run for run in runs if _first(run.tags) <= day.isoformat() <= _last(run.tags)]


def _first(tags: Mapping[str, str]) -> str:
    return tags.get(_DAYS[1]) or tags.get(_DAYS[0], "9")


def _last(tags: Mapping[str, str]) -> str:
    return tags.get(_DAYS[2]) or tags.get(_DAYS[0], "0")


if __name__ == "__main__":
    sys.exit(main())
