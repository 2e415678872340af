"""Ends Dagster's runs when the stack stops, and reports those that a crash ended as failed when it starts again."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from typing import Any

import psutil
import psycopg

from infra.dagster_client import DagsterClient, DagsterRefusedError, DagsterUnavailableError
from infra.local_stack.environment import python_environment
from infra.local_stack.place import Place
from infra.local_stack.processes import descendants, end
from pinterest_platform.connections import postgres_options

UNFINISHED = ("STARTING", "STARTED", "CANCELING")
RUN_SECONDS = 30
POLL_SECONDS = 0.3
WORKER = "multiprocessing.spawn"  # in the command of a process that executes a run

LIST = "query ($in: [RunStatus!]) { runsOrError(filter: {statuses: $in}) { ... on Runs { results { id } } } }"
CANCEL = "mutation ($ids: [String!]!) { terminateRuns(runIds: $ids, terminatePolicy: SAFE_TERMINATE) { __typename } }"


def cancel_runs(webserver: str) -> None:
    """Cancels what runs as the user interface does, so that it ends as canceled, and waits for it a while."""
    dagster, deadline = DagsterClient(webserver, timeout_seconds=10), time.monotonic() + RUN_SECONDS
    try:
        if ids := _unfinished(dagster):
            dagster.ask(CANCEL, ids=ids)
        while _unfinished(dagster) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
    except (DagsterUnavailableError, DagsterRefusedError):
        return  # the runs are interrupted with the code server


def interrupt_runs(top: psutil.Process, seconds: float = RUN_SECONDS) -> None:
    """Ends the processes of runs below this one: those that could not be canceled, or whose code server is gone."""
    end([process for process in descendants(top) if _is_worker(process)], signal.SIGTERM, seconds)


def connect_to_dagster(place: Place) -> psycopg.Connection[Any]:
    """A connection to the database in which Dagster keeps its runs."""
    settings = place.settings
    return psycopg.connect(**postgres_options(settings), dbname=settings.dagster_database, connect_timeout=5)


def _unfinished(dagster: DagsterClient) -> list[str]:
    return [run["id"] for run in dagster.ask(LIST, **{"in": UNFINISHED})["runsOrError"]["results"]]


def _is_worker(process: psutil.Process) -> bool:
    try:
        return any(WORKER in argument for argument in process.cmdline())
    except psutil.NoSuchProcess:
        return False


def end_abandoned_runs(place: Place) -> None:
    """Reports runs as failed whose process was killed, or went down with the machine; before the code server starts.

    Left alone they would hold their pool and their place in the queue for good: Dagster's default launcher cannot see
    that a worker is dead. Asks PostgreSQL first, since importing Dagster takes seconds.
    """
    if _count_unfinished(place):
        subprocess.run([sys.executable, "-m", __name__], env=python_environment(place), check=True, capture_output=True)


def _count_unfinished(place: Place) -> int:
    with connect_to_dagster(place) as connection:
        if connection.execute("select 1 from pg_tables where tablename = 'runs'").fetchone() is None:
            return 0
        query = "select count(*) from runs where status = any(%s)"
        row = connection.execute(query, [list(UNFINISHED)]).fetchone()
        return int(row[0]) if row else 0


def report_as_failed() -> None:
    """Runs in a process of its own, with DAGSTER_HOME set."""
    from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

    from pinterest_platform.defs.maintenance import free_pools_of_ended_runs

    with DagsterInstance.get() as instance:
        statuses = [DagsterRunStatus(status) for status in UNFINISHED]
        for run in instance.get_runs(RunsFilter(statuses=statuses)):
            instance.report_run_failed(run, "Its process was gone when the local stack started again.")
        free_pools_of_ended_runs(instance)


if __name__ == "__main__":
    report_as_failed()
