"""`make backfill`: launches an asset backfill and follows it until it ends.

Single runs are in `dagster_runs`.
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
_MOST_MISSES = 60  # polls in a row
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
        ... on PythonError { message }
        ... on BackfillNotFoundError { message }
      }
    }"""


@dataclass(frozen=True)
class FailedRun:
    """A run of a backfill that failed or was cancelled, with its first and last day."""

    run_id: str
    first: date
    last: date


@dataclass(frozen=True)
class BackfillState:
    """The progress of a backfill. `done` counts the days that are materialised in every asset."""

    goes_on: bool
    succeeded: bool
    done: int
    failed: tuple[FailedRun, ...]
    error: str | None


def backfill(settings: Settings, first: date, last: date, terminal: Terminal) -> int:
    """Runs the days from `first` to `last` and waits for them; returns 1 if a run fails, else 0.

    Raises:
        StackError: one of the days does not exist, or Dagster does not answer or refuses the backfill.
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
    terminal.line(f"{'✓' if state.succeeded else '✗'} {state.done:,} of {days:,} days done.")
    if state.error:
        terminal.line(state.error, style="red")
    if state.failed:
        first = state.failed[0]
        terminal.line(
            f"Fix the error that the run's page shows, then repeat its days: {_command(first.first, first.last)}"
        )
    return int(not state.succeeded)


def launch(dagster: DagsterWeb, days: list[date]) -> str:
    """Starts a backfill of all batch assets; returns its id."""
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
    """Waits until the backfill ends; calls `tell` with the number of days done.

    Raises:
        StackError: Dagster does not answer, or cannot read the backfill for a while.
    """
    misses = 0
    while True:
        found = dagster.ask(_FOLLOW, backfillId=backfill_id)["partitionBackfillOrError"]
        if "status" in found:  # otherwise Dagster could not read it, for example while PostgreSQL starts again
            misses, state = 0, _state(found)
            tell(state.done)
            if not state.goes_on:
                return state
        elif (misses := misses + 1) > _MOST_MISSES:
            raise StackError(
                f"Dagster cannot read the backfill: {found.get('message', 'it does not say why')}. The backfill goes "
                f"on: {dagster.url}/runs/b/{backfill_id}"
            )
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
