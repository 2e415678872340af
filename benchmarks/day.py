"""How long a day of 11,000 events takes from launch to success, and what each additional day of a backfill costs.

Run it with `.venv/bin/python -m benchmarks.day`. It starts the whole platform, including the stream and the daemon, and
posts the days first. Only the sensor that would run them is off. Each run is launched as the UI does it.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from datetime import date, timedelta

from benchmarks.measured import measure
from benchmarks.record import record
from benchmarks.stack import running
from infra.command_line import backfill
from infra.command_line.dagster_runs import DagsterWeb, Step
from infra.local_stack.artifacts import INFRA
from infra.local_stack.environment import python_environment
from infra.local_stack.place import make_place
from infra.local_stack.settings import LocalStackSettings
from ingest_api.emulator.history import History, post_history
from pinterest_platform.defs.jobs import BATCH_JOB
from pinterest_platform.pins.calendar import today
from pinterest_platform.settings import Settings
from pinterest_platform.stream.lag import stream_lag

EVENTS = 11_000
SINGLE_DAYS = 3
BACKFILLED_DAYS = 30
CATCH_UP_SECONDS = 300
RUNS = """
    query Runs($backfillId: String!) {
      partitionBackfillOrError(backfillId: $backfillId) {
        ... on PartitionBackfill { runs { id creationTime endTime } }
      }
    }"""


def main() -> None:
    with running(None) as settings:
        _switch_off("new_pins_in_kafka", settings)
        first = today() - timedelta(days=BACKFILLED_DAYS)
        post_history(settings, History(first, BACKFILLED_DAYS, EVENTS))
        _wait_for_stream(settings)
        dagster = DagsterWeb(settings)
        days = [first + timedelta(days=number) for number in range(BACKFILLED_DAYS)]
        single = statistics.median(_run_day(dagster, day) for day in days[:SINGLE_DAYS])
        many = _run_days(dagster, days)
        one_more = (many - single) / (len(days) - 1)
        print(
            f"a day {single:.1f} s (median of {SINGLE_DAYS}); the run of {len(days)} days {many:.1f} s; "
            f"one more day of it {one_more:.2f} s"
        )
        record("day", "a day of 11,000 events", single, "s", target="<= 30", note=f"median of {SINGLE_DAYS}")
        record("day", f"the run of {len(days)} days", many, "s")
        record("day", f"one more day of the run of {len(days)} days", one_more, "s", target="<= 3")


def _run_day(dagster: DagsterWeb, day: date) -> float:
    steps: list[Step] = []
    done = measure(lambda: dagster.require_success(dagster.launch(BATCH_JOB, day), steps.append))
    print(f"{day} launch to success {done.seconds:.1f} s: {_told(steps)}")
    return done.seconds


def _run_days(dagster: DagsterWeb, days: list[date]) -> float:
    """Seconds of the backfill's one run. What its daemon takes to look and to look again is told beside it."""
    backfill_id = backfill.launch(dagster, days)
    done = measure(lambda: backfill.follow(dagster, backfill_id))
    if not done.result.succeeded:
        raise SystemExit(f"The backfill did not succeed: {done.result}")
    [run] = dagster.ask(RUNS, backfillId=backfill_id)["partitionBackfillOrError"]["runs"]
    seconds: float = run["endTime"] - run["creationTime"]
    steps: list[Step] = []
    dagster.follow(run["id"], steps.append)
    print(
        f"{len(days)} days: launch to the backfill's end {done.seconds:.1f} s, its run {seconds:.1f} s: {_told(steps)}"
    )
    record("day", f"{len(days)} days from launch to the backfill's end", done.seconds, "s")
    for step in steps:
        record("day", f"{step.name} of the run of {len(days)} days", step.seconds, "s")
    return seconds


def _told(steps: list[Step]) -> str:
    return ", ".join(f"{step.name} {step.seconds:.1f}" for step in steps)


def _switch_off(sensor: str, settings: LocalStackSettings) -> None:
    command = [sys.executable, "-m", "dagster", "sensor", "stop", sensor, "-w", str(INFRA.parent / "workspace.yaml")]
    subprocess.run(command, env=python_environment(make_place(settings)), check=True, capture_output=True)


def _wait_for_stream(settings: Settings) -> None:
    deadline = time.monotonic() + CATCH_UP_SECONDS
    while stream_lag(settings):
        if time.monotonic() > deadline:
            raise SystemExit("The stream does not catch up.")
        time.sleep(1)


if __name__ == "__main__":
    main()
