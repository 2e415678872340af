"""Checks every record of a topic in which one in five is hostile in some way, sent through the API and directly.

Run it with `.venv/bin/python -m benchmarks.hostile`. It starts the whole platform on its own ports and posts while the
stream and the batch run. It fails if a record is not where it must be, if the API accepted an event that is no row, if
a run failed or was restarted, or if a check of a day failed.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from random import Random

import httpx
import orjson

from benchmarks.check_results import (
    CheckResult,
    check_days,
    check_profiles,
    collected,
    days_landed,
    record_results,
    run_days,
    runs_by_status,
    tried,
    wait_until_asked_is_done,
    wait_until_streamed,
)
from benchmarks.record import record
from benchmarks.stack import BENCHMARK_SETTINGS, running
from benchmarks.streaming import wait_for_answer
from pinterest_platform.defs.jobs import BATCH_JOB, STREAM_JOB
from pinterest_platform.pins.calendar import MISDATED_DAY
from pinterest_platform.settings import Settings
from pinterest_platform_tests.support.books import differences, open_books
from pinterest_platform_tests.support.dagster import dagster_of, started_runs
from pinterest_platform_tests.support.hostile_records import Fate, HostileRecord, Kind, Making, mixed
from pinterest_platform_tests.support.hostile_topic import Sent, hostile_producers, lift_limits_of_times

SETTINGS = BENCHMARK_SETTINGS.model_copy(
    update={
        "open_day_pause_seconds": 60,
        "retry_delay_seconds": 10,
        "stream_retention_days": -1,  # records of the first day are among them
        "plausible_categories": 10_000,  # the longest ones that a store holds are drawn at random
    }
)
HOSTILE_SHARE = 5  # one in so many
API_SHARE = 3  # of the ordinary ones, one in so many goes through the API; and as many hostile ones as a part of theirs
_STREAM_SECONDS, _ASKED_SECONDS = 900.0, 1_500.0
_CHECKS = """query Checks($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { ... on AssetNode {
    assetChecksOrError { ... on AssetChecks { checks { name executionForLatestMaterialization {
        status evaluation { severity description } } } } } } } }"""


@dataclass
class Answers:
    """What the API said to each kind, and what it said yes to."""

    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    taken: list[Sent] = field(default_factory=list)


def main() -> int:
    options = _options()
    with running(None, SETTINGS) as settings:
        lift_limits_of_times(settings)
        [run] = wait_for_answer(lambda: started_runs(settings, STREAM_JOB) or None, 120, "streaming run")
        sent, answers = post(settings, options.records, options.seed)
        results = collected(judge(settings, run, [*sent, *answers.taken]))
    show(sent, answers, results)
    record("hostile", "records straight into Kafka", len(sent), "records")
    record("hostile", "posts to the API", answers.statuses.total(), "posts")
    record_results("hostile", results)
    return int(not all(result.holds for result in results))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=7)
    return parser.parse_args()


def post(settings: Settings, records: int, seed: int) -> tuple[list[Sent], Answers]:
    """Everything, through the API and past it at the same time."""
    hostile, answers = records // HOSTILE_SHARE, Answers()
    ordinary = records - hostile
    through_api = threading.Thread(
        target=_post_through_api, args=(settings, answers, ordinary // API_SHARE, hostile // API_SHARE, seed + 1)
    )
    through_api.start()
    began = time.monotonic()
    with hostile_producers(settings) as producers:
        made = mixed(_making(settings, seed), ordinary - ordinary // API_SHARE, hostile)
        sent = list(producers.send(made))
    print(f"{len(sent):,} records straight into Kafka in {time.monotonic() - began:.0f} s", flush=True)
    through_api.join()
    print(f"{answers.statuses.total():,} posts to the API, {len(answers.taken):,} taken", flush=True)
    return sent, answers


def _making(settings: Settings, seed: int) -> Making:
    now_ms = int(time.time() * 1_000)
    return Making(Random(seed), now_ms, settings.first_day, settings.kafka_topic, settings.kafka_partitions)  # noqa: S311


def _post_through_api(settings: Settings, answers: Answers, ordinary: int, hostile: int, seed: int) -> None:
    posts = mixed(_making(settings, seed), ordinary, hostile)
    url = f"http://{settings.ingest_host}:{settings.ingest_port}/pin/"
    with httpx.Client(trust_env=False, timeout=60) as client:
        for group, (kind, records) in enumerate(posts):
            # The API gives each record its own time, so what is repeated after days is repeated at once.
            is_repeat = kind.fate is Fate.REPEAT or len({record.value for record in records}) < len(records)
            fate = Fate.REPEAT if is_repeat else Fate.ROW
            for record in records:
                _post_one(client, url, answers, -group - 1, replace(kind, fate=fate), record)


def _post_one(client: httpx.Client, url: str, answers: Answers, group: int, kind: Kind, record: HostileRecord) -> None:
    """A tombstone cannot be posted. What is taken has to have its kind's fate: a row, or the repeat of one."""
    if record.value is None:
        return
    answer = client.post(url, content=record.value, headers={"Content-Type": "application/json"})
    answers.statuses[kind.name, answer.status_code] += 1
    if answer.status_code == 200:
        placed = orjson.loads(answer.content)
        taken = replace(kind, name=f"{kind.name}, taken by the API", reason="")
        at = int(time.time() * 1_000)
        answers.taken.append(Sent(taken, record, group, placed["partition"], placed["offset"], at))


def judge(settings: Settings, run: str, sent: Sequence[Sent]) -> Iterator[CheckResult]:
    yield tried("the stream has caught up", lambda: wait_until_streamed(settings, _STREAM_SECONDS))
    yield tried("what was asked for is done", lambda: wait_until_asked_is_done(settings, _ASKED_SECONDS))
    days = [day for day in days_landed(settings) if day != MISDATED_DAY]
    yield from run_days(settings, days)
    yield from check_days(settings, days)
    yield tried("the misdated records are accounted for", lambda: _misdated(settings))
    yield tried("the books balance to the record", lambda: _books(settings, sent))
    yield tried("profile_popularity equals a recount", lambda: check_profiles(settings))
    yield tried("the stream's run was never restarted", lambda: _same_run(settings, run))
    yield tried("no run of the batch has failed", lambda: _no_failed_run(settings))


def _books(settings: Settings, sent: Sequence[Sent]) -> CheckResult:
    found = differences(open_books(settings), sent)
    for sentence in found:
        print(f"  {sentence}", flush=True)
    return CheckResult("the books balance to the record", not found, f"{len(sent):,} records, {len(found)} differences")


def _misdated(settings: Settings) -> CheckResult:
    answer = dagster_of(settings).ask(_CHECKS, key={"path": ["misdated_records"]})["assetNodeOrError"]
    checks = answer.get("assetChecksOrError", {}).get("checks", [])
    told = [(check["name"], check["executionForLatestMaterialization"]) for check in checks]
    holds = bool(told) and all(execution and execution["status"] == "SUCCEEDED" for _, execution in told)
    words = "; ".join(f"{name}: {_in_words(execution)}" for name, execution in told)
    return CheckResult("the misdated records are accounted for", holds, words or "there is no such asset")


def _in_words(execution: dict[str, dict[str, str]] | None) -> str:
    if not execution:
        return "never looked"
    return f"{execution['status']} {(execution['evaluation'] or {}).get('description') or ''}".strip()


def _same_run(settings: Settings, run: str) -> CheckResult:
    now, all_of_them = started_runs(settings, STREAM_JOB), runs_by_status(settings, STREAM_JOB)
    holds = now == [run] and all_of_them.total() == 1
    return CheckResult(
        "the stream's run was never restarted", holds, f"{run} at first, {', '.join(now)} now; {dict(all_of_them)}"
    )


def _no_failed_run(settings: Settings) -> CheckResult:
    statuses = runs_by_status(settings, BATCH_JOB)
    return CheckResult(
        "no run of the batch has failed", not statuses["FAILURE"] and not statuses["CANCELED"], f"{dict(statuses)}"
    )


def show(sent: Iterable[Sent], answers: Answers, results: Iterable[CheckResult]) -> None:
    print("\n| straight into Kafka | records | kinds |\n|---|---|---|")
    kinds = {fate: {one.kind.name for one in sent if one.kind.fate is fate} for fate in Fate}
    counts = Counter(one.kind.fate for one in sent)
    for fate in Fate:
        print(f"| {fate.value} | {counts[fate]:,} | {len(kinds[fate]):,} |")
    print("\n| the API's answer | posts | kinds |\n|---|---|---|")
    for status in sorted({status for _, status in answers.statuses}):
        of_status = {name: count for (name, found), count in answers.statuses.items() if found == status}
        print(f"| {status} | {sum(of_status.values()):,} | {len(of_status):,} |")
    print("\n| verdict | | found |\n|---|---|---|")
    for result in results:
        print(f"| {result.what} | {'yes' if result.holds else '**NO**'} | {result.found.replace(chr(10), ' ')} |")


if __name__ == "__main__":
    sys.exit(main())
