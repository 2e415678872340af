"""Checks that no event is lost or stored twice while the stream's run, its JVM, PostgreSQL and Kafka are killed.

Run it with `.venv/bin/python -m benchmarks.stream_kills`. It starts the whole platform on its own ports, posts events
and keeps their ids, and kills in random order. At the end it compares every acknowledged event with the rows.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import time
from collections.abc import Iterable

import psutil

from benchmarks.check_results import check_profiles, check_stream_rows, collected
from benchmarks.record import record
from benchmarks.stack import BENCHMARK_SETTINGS, running
from benchmarks.streaming import (
    posting,
    stored,
    streaming_run,
    wait_for,
    wait_for_answer,
)
from infra.local_stack.processes import wait_until_gone
from infra.local_stack.stack import LocalStack
from pinterest_platform.settings import Settings
from pinterest_platform.stream.lag import stream_lag
from pinterest_platform_tests.support.dagster import switch_sensor
from pinterest_platform_tests.support.outages import kill_server

LIMIT_SECONDS = 60
EACH_ONCE = "each acknowledged event is one row, and profiles equal a recount"


def main() -> int:
    options = _options()
    dice = random.Random(options.seed)  # noqa: S311
    with running(None) as settings:
        stack = LocalStack(BENCHMARK_SETTINGS)
        switch_sensor(settings, "new_pins_in_kafka", on=False)  # its runs have a JVM too
        wait_for(lambda: streaming_run(stack) is not None, 60, "streaming run")
        with posting(settings, options.events, options.rate) as seen:
            wait_for(lambda: stored(settings) > 0, 60, "first row")
            took: dict[str, list[float]] = {}
            for number, kind in enumerate(_order(options, dice), start=1):
                time.sleep(dice.uniform(*options.between))
                seconds = _kill(stack, settings, kind, options.away)
                print(f"{number:3} {kind:<11}{seconds:6.1f} s until rows flowed again", flush=True)
                took.setdefault(kind, []).append(seconds)
        wait_for(lambda: stream_lag(settings) == 0, 120, "end of the lag")
        results = collected([check_stream_rows(settings, seen.events), check_profiles(settings)])
        whole = all(result.holds for result in results)
        for kind, times in took.items():
            flowed, note = (min(times), max(times)), f"{len(times)} times"
            if kind in ("postgres", "kafka"):
                note += f", {options.away:g} s of each until it was started again"
            limit = f"<= {LIMIT_SECONDS}"
            record("stream_kills", f"{kind} killed: rows flowed again", flowed, "s", target=limit, note=note)
        record("stream_kills", "acknowledged events", len(seen.events), "events")
        record("stream_kills", EACH_ONCE, whole)
    return int(not whole)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--rate", type=float, default=80)
    parser.add_argument("--kills", type=int, default=20, help="of the JVM and of the run's process, in equal parts")
    parser.add_argument("--postgres", type=int, default=5, help="immediate stops")
    parser.add_argument("--kafka", type=int, default=5, help="kill -9")
    parser.add_argument("--away", type=float, default=3, help="seconds that a server is away")
    parser.add_argument("--between", type=float, nargs=2, default=(2, 12), metavar=("LEAST", "MOST"), help="seconds")
    parser.add_argument("--seed", type=int, default=7)
    return parser.parse_args()


def _order(options: argparse.Namespace, dice: random.Random) -> Iterable[str]:
    kinds = ["jvm", "run"] * (options.kills // 2) + ["jvm"] * (options.kills % 2)
    kinds += ["postgres"] * options.postgres + ["kafka"] * options.kafka
    dice.shuffle(kinds)
    return kinds


def _kill(stack: LocalStack, settings: Settings, kind: str, away: float) -> float:
    """Kill one, let the stack's owner restart a server, and give the seconds until a newer row was stored."""
    began = time.monotonic()
    if kind in ("postgres", "kafka"):
        kill_server(
            stack, kind, signal.SIGQUIT if kind == "postgres" else signal.SIGKILL
        )  # SIGQUIT: its immediate stop
        time.sleep(away)
        stack.start([kind])
    else:
        run = wait_for_answer(lambda: streaming_run(stack), LIMIT_SECONDS, "streaming run")
        _end(run.jvm if kind == "jvm" else run.worker)
    before = wait_for_answer(lambda: stored(settings), LIMIT_SECONDS, "number of rows")
    wait_for(lambda: stored(settings) > before, 2 * LIMIT_SECONDS, "new row")
    return time.monotonic() - began


def _end(process: psutil.Process) -> None:
    process.kill()
    wait_until_gone([process], 20)


if __name__ == "__main__":
    sys.exit(main())
