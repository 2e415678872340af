"""Not speed: a day that was asked for stays asked for until it is done, however long a store is away or what is killed.

Run it with `.venv/bin/python -m benchmarks.asked_for --minutes 20`. It starts the whole platform on ports of its own.
For each case it posts records of a day of its own, breaks something, mends that, and then waits: nobody asks again. It
fails when the day is not landed, cleaned, served and accounted for in time.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from kafka import KafkaProducer

from benchmarks.faults import process_of_run, runs_of
from benchmarks.stack import BENCHMARK_SETTINGS, running
from benchmarks.streaming import graphql, wait_for, wait_for_answer
from benchmarks.verdicts import days_asked_for
from infra.local_stack.processes import wait_until_gone
from infra.local_stack.stack import LocalStack
from pinterest_platform.automation.jobs import BATCH_JOB
from pinterest_platform.batch.accounting import NotMaterialisedError, account_for, open_stores
from pinterest_platform.connections import kafka_python_options
from pinterest_platform.pins.days import start_of, today
from pinterest_platform.settings import Settings
from pinterest_platform_tests.pins import posted

SETTINGS = BENCHMARK_SETTINGS.model_copy(update={"stream_retention_days": -1})
RECORDS = 200
_RUN_SECONDS = 180.0
_OF_DAY = """query OfDay($job: String!) { runsOrError(filter: {pipelineName: $job}, limit: 1000) {
    ... on Runs { results { runId status tags { key value } } } } }"""
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
            account = account_for(stores, day)
        except NotMaterialisedError:
            return False
    whole = len(account.kafka) == RECORDS and not account.differences()
    return whole and day not in days_asked_for(settings)


def _away(store: str, seconds: float) -> Break:
    def away(stack: LocalStack, settings: Settings, day: date, post: Callable[[], None]) -> None:
        post()
        wait_for(lambda: bool(runs_of(settings, BATCH_JOB)), _RUN_SECONDS, "batch run")
        _kill(stack, store)
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
    """Of those for the day, which another day's run asks for where it has landed the day's records; returns which."""

    def look() -> str | None:
        of_day = {run_id for run_id, _ in _runs(settings, day)}
        for run_id in of_day & set(runs_of(settings, BATCH_JOB)) - but_not:
            if process := process_of_run(settings, run_id):
                process.kill()
                return run_id
        return None

    return wait_for_answer(look, 10 * _RUN_SECONDS, "batch run to kill")


def _kill_daemon(stack: LocalStack, settings: Settings, day: date, post: Callable[[], None]) -> None:
    post()
    wait_for(lambda: bool(runs_of(settings, BATCH_JOB)), _RUN_SECONDS, "batch run")
    _kill(stack, "dagster-daemon")
    stack.start()


def _kill(stack: LocalStack, server: str) -> None:
    process = wait_for_answer(lambda: stack.process(server), 30, server)
    process.kill()
    wait_until_gone([process], 20)


def _statuses(settings: Settings, day: date) -> list[str]:
    return [status for _, status in _runs(settings, day)]


def _runs(settings: Settings, day: date) -> list[tuple[str, str]]:
    """Id and status of the batch's runs that had the day among theirs."""
    runs = graphql(settings, _OF_DAY, job=BATCH_JOB)["runsOrError"]["results"]
    found = [(run["runId"], run["status"], {tag["key"]: tag["value"] for tag in run["tags"]}) for run in runs]
    return [(run_id, status) for run_id, status, tags in found if _first(tags) <= day.isoformat() <= _last(tags)]


def _first(tags: dict[str, str]) -> str:
    return tags.get(_DAYS[1]) or tags.get(_DAYS[0], "9")


def _last(tags: dict[str, str]) -> str:
    return tags.get(_DAYS[2]) or tags.get(_DAYS[0], "0")


if __name__ == "__main__":
    sys.exit(main())
