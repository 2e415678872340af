"""Injects faults for an hour, one a minute, while events are posted; then checks that every record is where it must be.

Run it with `.venv/bin/python -m benchmarks.soak --minutes 60`, as root to fill the disk too. It starts the whole
platform on its own ports and disk. After each fault it restarts what is dead, as an operator would. At the end it waits
until the platform is idle and checks every store. Then it deletes a raw object, a Cassandra row and a PostgreSQL row,
which reconciliation has to name. The report goes to `benchmarks/results/soak.md`.
"""

from __future__ import annotations

import argparse
import io
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from types import FrameType

import psutil

from benchmarks.check_results import (
    CheckResult,
    check_clean,
    check_days,
    check_profiles,
    check_raw,
    check_stream_rows,
    collected,
    days_landed,
    raw_events,
    record_results,
    run_days,
    runs_by_status,
    tried,
    wait_until_asked_is_done,
    wait_until_streamed,
)
from benchmarks.disk import Disk, mounted
from benchmarks.faults import Fault, Scene, all_faults
from benchmarks.planted import planted_deletions
from benchmarks.record import record
from benchmarks.soak_posting import Posting, Pulse
from benchmarks.stack import BENCHMARK_SETTINGS
from infra.local_stack.processes import STOPS, wait_until_gone
from infra.local_stack.stack import LocalStack
from infra.local_stack.terminal import Terminal
from pinterest_platform.defs.jobs import BATCH_JOB, STREAM_JOB
from pinterest_platform.pins.calendar import MISDATED_DAY
from pinterest_platform_tests.support.dagster import switch_sensor

STATE_FOLDER, IMAGE = Path(".state/soak"), Path(".state/soak.img")
RESULTS = Path(__file__).parent / "results" / "soak.md"
DISK_MIB = 24 * 1024
SETTINGS = BENCHMARK_SETTINGS.model_copy(
    update={
        "monitoring": True,
        "open_day_pause_seconds": 120,  # so that batches run all the while
        "retry_delay_seconds": 30,
        "stack_minimum_disk_mib": 512,
        "state_folder": STATE_FOLDER,
    }
)
A_MINUTE = 60.0
_BETWEEN_SECONDS = 15.0  # at the least, from the end of a fault to the next
_STARTS = 4
_LAG_SECONDS, _ASKED_SECONDS, _SETTLED_SECONDS, _POSTING_SECONDS = 900.0, 900.0, 600.0, 900.0


@dataclass(frozen=True)
class Struck:
    """A fault that has happened: seconds since 1970 when it began and when everything had been started again."""

    name: str
    began: float
    ended: float
    told: str


def main() -> int:
    options = _options()
    for number in STOPS:
        signal.signal(number, _stop_once)
    began = datetime.now(UTC)
    with own_disk() as disk, own_stack() as stack:
        scene = Scene(stack, stack.settings, Random(options.seed), disk)  # noqa: S311
        faults = chosen(all_faults(scene), options.faults)
        pulse = Pulse(stack.settings)
        with (
            pulse.beating(),
            Posting(stack.settings, options.rate, options.minutes * A_MINUTE, options.seed) as posting,
        ):
            struck = strike(scene, faults, options.minutes)
            results = collected(judge(scene, posting))
        report = as_markdown(options, began, struck, pulse, results, disk)
    print(report)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(report)
    record("soak", "faults", len(struck), "faults")
    record("soak", "acknowledged events", len(posting.events), "events")
    longest = max((float(pause.removeprefix("more than ")) for pause in pauses(struck, pulse)), default=0.0)
    record("soak", "longest time without a new row, from a fault to the next", longest, "s")
    record_results("soak", results)
    return int(not all(result.holds for result in results))


def _stop_once(_: int, __: FrameType | None) -> None:
    """Ctrl-C, also where a shell has us ignore it; a second one does not cut short what cleans up after the first."""
    for number in STOPS:
        signal.signal(number, lambda *_: None)
    raise KeyboardInterrupt


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rate", type=float, default=300, help="events a second")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--faults", nargs="+", default=[""], metavar="NAME", help="those with one of these texts")
    return parser.parse_args()


def chosen(faults: Mapping[str, Fault], texts: Sequence[str]) -> dict[str, Fault]:
    found = {name: fault for name, fault in faults.items() if any(text in name for text in texts)}
    if not found:
        raise SystemExit(f"There is no such fault. Choose from: {', '.join(faults)}.")
    return found


@contextmanager
def own_disk() -> Iterator[Disk | None]:
    """None where nobody may mount one: then no disk is filled."""
    LocalStack(SETTINGS).stop()  # what a run that was killed has left
    STATE_FOLDER.parent.mkdir(exist_ok=True)
    attempt = mounted(STATE_FOLDER, IMAGE, DISK_MIB)
    try:
        disk = attempt.__enter__()
    except (subprocess.CalledProcessError, OSError) as error:
        print(f"! No disk of its own, so none is filled: {error}", flush=True)
        shutil.rmtree(STATE_FOLDER, ignore_errors=True)
        try:
            yield None
        finally:
            shutil.rmtree(STATE_FOLDER, ignore_errors=True)
        return
    try:
        yield disk
    finally:
        attempt.__exit__(None, None, None)


@contextmanager
def own_stack() -> Iterator[LocalStack]:
    """Everything running; stopped at the end, whatever state it is in."""
    stack = LocalStack(SETTINGS, Terminal(io.StringIO()))
    try:
        stack.start()
        yield stack
    finally:
        with suppress(Exception):
            stack.stop()
        LocalStack(SETTINGS).stop()


def strike(scene: Scene, faults: Mapping[str, Fault], minutes: float) -> list[Struck]:
    """A fault a minute, or as soon as the one before is over; each kind once before one comes again."""
    struck: list[Struck] = []
    until, following = time.time() + minutes * A_MINUTE, time.time() + _BETWEEN_SECONDS
    for name in in_turn(list(faults), scene.dice):
        time.sleep(max(0.0, min(following, until) - time.time()))
        if time.time() >= until:
            break
        began = time.time()
        told = _do(scene, faults[name])
        told += start_again(scene.stack)
        struck.append(Struck(name, began, time.time(), told))
        following = max(began + A_MINUTE, time.time() + _BETWEEN_SECONDS)
        print(f"{datetime.now(UTC):%H:%M:%S} {name}: {told} ({time.time() - began:.0f} s)", flush=True)
    return struck


def in_turn(names: list[str], dice: Random) -> Iterator[str]:
    while True:
        dice.shuffle(names)
        yield from names


def _do(scene: Scene, fault: Fault) -> str:
    try:
        return fault(scene)
    except Exception as error:  # the soak goes on, and its report says so
        return f"NOT DONE: {type(error).__name__}: {error}"


def start_again(stack: LocalStack) -> str:
    """What is dead, and what runs but does not answer: that is killed first. Says so where it needed more than one."""
    told = ""
    for _ in range(_STARTS):
        try:
            stack.start()
        except Exception as error:  # StackError, or what a client raises of a server that is half up
            sick = [name for name, server in stack.servers.items() if stack.process(name) and server.problem()]
            first_line = str(error).partition("\n")[0]
            told += f"; not started again at once ({first_line}), killed {', '.join(sick) or 'nothing'}"
            _kill(stack, sick)
            continue
        return told
    return f"{told}; NOT STARTED AGAIN"


def _kill(stack: LocalStack, names: Sequence[str]) -> None:
    processes = [process for name in names if (process := stack.process(name))]
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    wait_until_gone(processes, 20)


def judge(scene: Scene, posting: Posting) -> Iterator[CheckResult]:
    settings = scene.settings
    yield tried("all was posted", lambda: posting.finish(_POSTING_SECONDS))
    told = start_again(scene.stack)
    yield CheckResult("everything runs", "NOT STARTED" not in told, told.lstrip("; ") or "at the first start")
    acknowledged = posting.places | scene.straight
    yield tried("the stream has caught up", lambda: wait_until_streamed(settings, _LAG_SECONDS))
    yield tried("asked for", lambda: wait_until_asked_is_done(settings, _ASKED_SECONDS, may_pause=True))
    # Of the open day, what came after the last run that anybody asked for; and what waits for its next attempt.
    days = [day for day in days_landed(settings) if day != MISDATED_DAY]
    yield from run_days(settings, days)
    yield tried("asked for", lambda: wait_until_asked_is_done(settings, _SETTLED_SECONDS))
    yield from check_days(settings, days)
    yield tried(
        "S3 has every acknowledged record once",
        lambda: check_raw(acknowledged, raw_events(settings, days_landed(settings))),
    )
    yield tried("no clean row is there twice", lambda: check_clean(settings, days))
    yield tried("PostgreSQL has every acknowledged event once", lambda: check_stream_rows(settings, posting.events))
    yield tried("profile_popularity equals a recount", lambda: check_profiles(settings))
    yield tried("runs", lambda: _runs(scene))
    switch_sensor(settings, "new_pins_in_kafka", on=False)  # a landing meanwhile would not bring it back, but take time
    yield from planted_deletions(settings, days[-1])


def _runs(scene: Scene) -> CheckResult:
    told = "; ".join(
        f"{job}: " + ", ".join(f"{count} {status}" for status, count in runs_by_status(scene.settings, job).items())
        for job in (STREAM_JOB, BATCH_JOB)
    )
    return CheckResult("runs, by how they ended", holds=True, found=told)


def pauses(struck: Sequence[Struck], pulse: Pulse) -> list[str]:
    """For each fault, how long no row came until the next one, in seconds."""
    ends = [*(one.began for one in struck[1:]), pulse.last_row]
    return [pulse.longest_pause(one.began, end) for one, end in zip(struck, ends, strict=False)]


def as_markdown(
    options: argparse.Namespace,
    began: datetime,
    struck: Sequence[Struck],
    pulse: Pulse,
    results: Sequence[CheckResult],
    disk: Disk | None,
) -> str:
    lines = [
        "# An hour of faults" if options.minutes == A_MINUTE else f"# {options.minutes:g} minutes of faults",
        "",
        f"`benchmarks.soak --minutes {options.minutes:g} --rate {options.rate:g} --seed {options.seed}`, begun "
        f"{began:%Y-%m-%d %H:%M} UTC. {len(struck)} faults; the disk {'could' if disk else 'could not'} be filled.",
        "Rows stood still: the longest time without a new row in PostgreSQL, from the fault to the next one.",
        "",
        "| minute | fault | what was done | rows stood still, s |",
        "|---|---|---|---|",
    ]
    for one, pause in zip(struck, pauses(struck, pulse), strict=True):
        minute = (one.began - began.timestamp()) / A_MINUTE
        lines.append(f"| {minute:.0f} | {one.name} | {_cell(one.told)} | {pause} |")
    lines += ["", "| verdict | | found |", "|---|---|---|"]
    lines += [
        f"| {result.what} | {'yes' if result.holds else '**NO**'} | {_cell(result.found)} |" for result in results
    ]
    return "\n".join([*lines, ""])


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    sys.exit(main())
