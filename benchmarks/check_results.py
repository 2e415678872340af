"""Checks, after the benchmarks that cause faults, that every record is where it must be.

Waits until the platform has finished its work, then gives a sentence for each thing that does not hold.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from functools import partial

import orjson

from benchmarks.record import record
from benchmarks.streaming import wait_for
from infra.command_line.dagster_runs import CheckOutcome, DagsterWeb
from infra.errors import StackError
from pinterest_platform.clean_slices.manifest import clean_files
from pinterest_platform.defs.jobs import BATCH_JOB, CHECK_JOB
from pinterest_platform.landing.raw_objects import day_prefix, stored_lines
from pinterest_platform.settings import Settings
from pinterest_platform.stores.parquet import read_batches
from pinterest_platform.stores.postgres import connect
from pinterest_platform.stores.s3 import open_bucket
from pinterest_platform.stream.lag import stream_lag
from pinterest_platform.stream.profiles import differing_profiles
from pinterest_platform_tests.support.dagster import UNFINISHED, runs_of

Place = tuple[int, int]  # Kafka's partition and offset
RAW, ASKED = "events/dt=", "grown/dt="
_ATTEMPTS = 3
_SHOWN = 5
_NOTED = 500  # characters of what does not hold
_WHERE = re.compile(r" of \d{4}-\d\d-\d\d| \d+/\d+")
_COLUMNS = ("kafka_partition", "kafka_offset")
_FOUND = """
    SELECT count(*) FILTER (WHERE stored = 0), count(*) FILTER (WHERE stored > 1) FROM (
        SELECT posted.event_id, count(stream.event_id) AS stored
        FROM posted LEFT JOIN pinterest_stream AS stream USING (event_id) GROUP BY posted.event_id
    ) AS counted"""
_TWICE = "SELECT FROM pinterest_stream GROUP BY kafka_partition, kafka_offset HAVING count(*) > 1"


@dataclass(frozen=True)
class CheckResult:
    """One thing that must hold, and what was found."""

    what: str
    holds: bool
    found: str


def tried(what: str, look: Callable[[], CheckResult]) -> CheckResult:
    """The verdict; where looking fails, that is it."""
    try:
        return look()
    except Exception as error:  # the other verdicts must still be told
        return CheckResult(what, holds=False, found=f"{type(error).__name__}: {error}")


def collected(results: Iterable[CheckResult]) -> list[CheckResult]:
    """All of them, told as they come; what ends their coming is one too."""
    found: list[CheckResult] = []

    def tell(result: CheckResult) -> None:
        found.append(result)
        print(f"{'ok   ' if result.holds else 'WRONG'} {result.what}: {result.found}", flush=True)

    try:
        for result in results:
            tell(result)
    except Exception as error:  # the report must still be written
        tell(CheckResult("everything was judged", holds=False, found=f"{type(error).__name__}: {error}"))
    return found


def record_results(subject: str, results: Iterable[CheckResult]) -> None:
    """Appends them to the history: those that differ only in their day or place are one, which holds where all do."""
    by_name: dict[str, list[CheckResult]] = {}
    for result in results:
        by_name.setdefault(_WHERE.sub("", result.what), []).append(result)
    for name, same in by_name.items():
        wrong = "; ".join(f"{result.what}: {result.found}" for result in same if not result.holds)
        record(subject, name, not wrong, note=wrong[:_NOTED] or (f"{len(same)} times" if len(same) > 1 else ""))


def days_landed(settings: Settings) -> list[date]:
    """The days that have raw objects."""
    return sorted({_day_in(stored.key, RAW) for stored in open_bucket(settings).list(RAW)})


def days_asked_for(settings: Settings) -> list[date]:
    """The days of which a landing has left word that they are to be run."""
    return sorted({_day_in(stored.key, ASKED) for stored in open_bucket(settings).list(ASKED)})


def runs_by_status(settings: Settings, job: str) -> Counter[str]:
    return Counter(run.status for run in runs_of(settings, job))


def wait_until_streamed(settings: Settings, seconds: float) -> CheckResult:
    took = wait_for(lambda: stream_lag(settings) == 0, seconds, "end of the stream's lag")
    return CheckResult("the stream has caught up", holds=True, found=f"after {took:.0f} s")


def wait_until_asked_is_done(settings: Settings, seconds: float, *, may_pause: bool = False) -> CheckResult:
    """Until no day is asked for and no run goes on, and that twice, a while apart.

    Where runs have failed in a row, the next one comes after up to an hour: then it is enough that it will come.
    """

    def is_quiet() -> bool:
        return not days_asked_for(settings) and not runs_of(settings, BATCH_JOB, UNFINISHED)

    def is_quiet_for_long() -> bool:
        if not is_quiet():
            return False
        time.sleep(5)
        return is_quiet()

    what = "what was asked for is done, or will be after a pause" if may_pause else "what was asked for is done"
    try:
        took = wait_for(is_quiet_for_long, seconds, "quiet")
    except TimeoutError:
        left = ", ".join(map(str, days_asked_for(settings)))
        return CheckResult(
            what, may_pause and bool(left), f"after {seconds:.0f} s these days are asked for: {left or 'none'}"
        )
    return CheckResult(what, holds=True, found=f"after {took:.0f} s, and nobody had to ask again")


def run_days(settings: Settings, days: Collection[date]) -> Iterator[CheckResult]:
    """The batch of each day, as a person would ask for it."""
    dagster = DagsterWeb(settings)
    for day in days:
        yield tried(f"the batch of {day} runs", partial(_run_day, dagster, day))


def check_days(settings: Settings, days: Collection[date]) -> Iterator[CheckResult]:
    """Every check of each day. Those that only warn hold, and their words are told."""
    dagster = DagsterWeb(settings)
    for day in days:
        yield tried(f"the checks of {day}", partial(_check_day, dagster, day))


def outcomes_of(dagster: DagsterWeb, day: date) -> list[CheckOutcome]:
    """What the checks of a day say now.

    Raises:
        StackError: the run ended before any of them did.
    """
    run_id = dagster.launch(CHECK_JOB, day)
    status = dagster.follow(run_id)
    outcomes = dagster.check_outcomes(run_id)
    if not outcomes:
        raise StackError(f"the run ended with {status} before any check did: {dagster.run_url(run_id)}")
    return outcomes


def raw_events(settings: Settings, days: Collection[date]) -> Counter[tuple[Place, str]]:
    """How often each place in Kafka, with the event that lies there, stands in the raw objects."""
    bucket = open_bucket(settings)
    found: Counter[tuple[Place, str]] = Counter()
    for day in days:
        for stored in bucket.list(day_prefix(day)):
            for line in map(orjson.loads, stored_lines(bucket, stored.key)):
                found[(line["partition"], line["offset"]), _event_in(line)] += 1
    return found


def check_raw(acknowledged: Mapping[Place, str], found: Mapping[tuple[Place, str], int]) -> CheckResult:
    lost = [place for place, event in acknowledged.items() if (place, event) not in found]
    doubled = [place for (place, _), times in found.items() if times > 1]
    told = f"{len(acknowledged):,} acknowledged, {len(lost)} lost{_some(lost)}; {len(doubled)} twice{_some(doubled)}"
    return CheckResult("S3 has every acknowledged record once", not lost and not doubled, told)


def check_stream_rows(settings: Settings, events: Collection[str]) -> CheckResult:
    """By the event's id: one that was posted again because no answer came is one row."""
    with closing(connect(settings, autocommit=True)) as connection:
        connection.execute("CREATE TEMPORARY TABLE posted (event_id text PRIMARY KEY)")
        with connection.cursor() as cursor, cursor.copy("COPY posted FROM STDIN") as copy:
            for event in events:
                copy.write(f"{event}\n")
        [(lost, doubled)] = connection.execute(_FOUND).fetchall()
        twice = connection.execute(_TWICE).rowcount
    told = f"{len(events):,} acknowledged, {lost} without a row, {doubled} with two; {twice} offsets twice"
    return CheckResult("PostgreSQL has every acknowledged event once", not (lost or doubled or twice), told)


def check_profiles(settings: Settings) -> CheckResult:
    with closing(connect(settings, autocommit=True)) as connection:
        different = len(differing_profiles(connection))
    return CheckResult("profile_popularity equals a recount", not different, f"{different} profiles differ")


def check_clean(settings: Settings, days: Collection[date]) -> CheckResult:
    bucket = open_bucket(settings)
    places = Counter(place for day in days for place in _places(settings, clean_files(bucket, day)))
    again = places.total() - len(places)
    return CheckResult("no clean row is there twice", not again, f"{places.total():,} rows, {again} of them again")


def _run_day(dagster: DagsterWeb, day: date) -> CheckResult:
    what = f"the batch of {day} runs"
    for attempt in range(1, _ATTEMPTS + 1):
        status = dagster.follow(dagster.launch(BATCH_JOB, day))
        if status == "SUCCESS":
            return CheckResult(what, holds=True, found=f"at attempt {attempt}")
    return CheckResult(what, holds=False, found=f"it ended with {status} {_ATTEMPTS} times")


def _check_day(dagster: DagsterWeb, day: date) -> CheckResult:
    outcomes = outcomes_of(dagster, day)
    failed = [outcome for outcome in outcomes if not outcome.passed and not outcome.warning]
    warned = [outcome for outcome in outcomes if outcome.warning]
    told = [f"{len(outcomes) - len(failed) - len(warned)} green"]
    told += [f"{outcome.check} FAILED: {outcome.found}" for outcome in failed]
    told += [f"{outcome.check} warns: {outcome.found}" for outcome in warned]
    return CheckResult(f"the checks of {day}", not failed, "; ".join(told))


def _places(settings: Settings, files: list[str]) -> Iterator[Place]:
    for batch in read_batches(settings, files, _COLUMNS) if files else ():
        yield from zip(*(batch.column(name).to_pylist() for name in _COLUMNS), strict=True)


def _event_in(line: Mapping[str, object]) -> str:
    try:
        return str(orjson.loads(str(line.get("value")))["event_id"])
    except (ValueError, KeyError, TypeError):
        return ""


def _some(places: Collection[Place]) -> str:
    first = sorted(places)[:_SHOWN]
    return f" (first: {', '.join(f'{partition}/{offset}' for partition, offset in first)})" if first else ""


def _day_in(key: str, prefix: str) -> date:
    return date.fromisoformat(key[len(prefix) : len(prefix) + 10])
