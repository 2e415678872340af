"""`make backfill`: days through the batch again, several a run, as the UI's Materialize does for a range of days.

Belongs here: launching an asset backfill and following it to its end. Does not belong here: single runs
(`dagster_runs`), and what a day's run does.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from infra.command_line.dagster_runs import DagsterWeb
from infra.command_line.known_days import demand_known_days
from infra.dagster_client import REPOSITORY
from infra.errors import StackError
from infra.local_stack.terminal import Terminal
from pinterest_platform.defs.jobs import BATCH_JOB
from pinterest_platform.pins.calendar import today
from pinterest_platform.settings import Settings

_POLL_SECONDS = 1.0
_GOES_ON = {"REQUESTED", "CANCELING", "FAILING"}
_RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
_ASSETS = "query Assets($job: PipelineSelector!) { assetNodes(pipeline: $job) { assetKey { path } } }"
_LAUNCH = """
    mutation Backfill($parameters: LaunchBackfillParams!) {
      launchPartitionBackfill(backfillParams: $parameters) {
        __typename
        ... on LaunchBackfillSuccess { backfillId }
        ... on PythonError { message }
        ... on PartitionKeysNotFoundError { message }
      }
    }"""
_FOLLOW = """
    query Follow($backfillId: String!) {
      partitionBackfillOrError(backfillId: $backfillId) {
        ... on PartitionBackfill {
          status
          error { message }
          runs { id status tags { key value } }
          assetBackfillData { assetBackfillStatuses {
            ... on AssetPartitionsStatusCounts { numPartitionsMaterialized }
          } }
        }
      }
    }"""


@dataclass(frozen=True)
class FailedRun:
    """A run of a backfill that did not succeed, and its days."""

    run_id: str
    first: date
    last: date


@dataclass(frozen=True)
class BackfillState:
    """How far a backfill is: `done` days have been materialised in every asset."""

    goes_on: bool
    succeeded: bool
    done: int
    failed: tuple[FailedRun, ...]
    error: str | None


def backfill(settings: Settings, first: date, last: date, terminal: Terminal) -> int:
    """Run the days of `first` to `last` and wait for them; returns 1 when a run of them fails, else 0.

    Raises:
        StackError: one of the days does not exist, Dagster does not answer, or it refuses.
    """
    demand_known_days(settings, first, last, today())
    dagster = DagsterWeb(settings)
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    backfill_id = launch(dagster, days)
    terminal.line(f"Backfill of {len(days):,} days: {dagster.url}/runs/b/{backfill_id}")
    state = _follow_with_a_bar(dagster, backfill_id, len(days), terminal)
    return _report(state, len(days), dagster, terminal)


def _report(state: BackfillState, days: int, dagster: DagsterWeb, terminal: Terminal) -> int:
    for run in state.failed:
        terminal.line(f"✗ {_range_in_words(run)}: {dagster.run_url(run.run_id)}", style="red")
    terminal.line(f"{'✓' if state.succeeded else '✗'} {state.done:,} of {days:,} days are done.")
    if state.error:
        terminal.line(state.error, style="red")
    if state.failed:
        first = state.failed[0]
        terminal.line(f"Mend what a run's page says, then run its days alone: {_command(first.first, first.last)}")
    return int(not state.succeeded)


def launch(dagster: DagsterWeb, days: list[date]) -> str:
    """Start a backfill of every asset of the batch; returns its id."""
    nodes = dagster.ask(_ASSETS, job={**REPOSITORY, "pipelineName": BATCH_JOB})["assetNodes"]
    parameters = {
        "assetSelection": [{"path": node["assetKey"]["path"]} for node in nodes],
        "partitionNames": [day.isoformat() for day in days],
    }
    answer = dagster.ask(_LAUNCH, parameters=parameters)["launchPartitionBackfill"]
    if answer["__typename"] != "LaunchBackfillSuccess":
        raise StackError(f"Dagster did not launch the backfill: {answer.get('message', answer['__typename'])}")
    return str(answer["backfillId"])


def follow(dagster: DagsterWeb, backfill_id: str, tell: Callable[[int], None] = lambda _: None) -> BackfillState:
    """Wait for the backfill's end, telling how many days are done."""
    while True:
        state = _state(dagster.ask(_FOLLOW, backfillId=backfill_id)["partitionBackfillOrError"])
        tell(state.done)
        if not state.goes_on:
            return state
        time.sleep(_POLL_SECONDS)


def _follow_with_a_bar(dagster: DagsterWeb, backfill_id: str, days: int, terminal: Terminal) -> BackfillState:
    columns = (TextColumn("days"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=terminal.console) as progress:
        task = progress.add_task("days", total=days)
        return follow(dagster, backfill_id, lambda done: progress.update(task, completed=done))


def _state(found: dict[str, Any]) -> BackfillState:
    counts = (found["assetBackfillData"] or {}).get("assetBackfillStatuses", [])
    return BackfillState(
        goes_on=found["status"] in _GOES_ON,
        succeeded=found["status"] == "COMPLETED_SUCCESS",
        done=min((count["numPartitionsMaterialized"] for count in counts), default=0),
        failed=tuple(_failed_run(run) for run in found["runs"] if run["status"] in {"FAILURE", "CANCELED"}),
        error=found["error"]["message"] if found["error"] else None,
    )


def _failed_run(run: dict[str, Any]) -> FailedRun:
    tags = {tag["key"]: tag["value"] for tag in run["tags"]}
    first, last = (tags.get(name) or tags["dagster/partition"] for name in _RANGE)
    return FailedRun(run["id"], date.fromisoformat(first), date.fromisoformat(last))


def _command(first: date, last: date) -> str:
    return f"make backfill FROM={first} TO={last}"


def _range_in_words(run: FailedRun) -> str:
    return str(run.first) if run.first == run.last else f"{run.first} to {run.last}"
