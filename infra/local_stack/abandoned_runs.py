"""Runs that Dagster believes to be running while their process is gone: killed with -9, or the machine went down.

Belongs here: finding and ending them before the code server starts, when no run can be alive. Left alone they would
hold their pool and their place in the queue for good: the default launcher cannot see that a worker is dead.
"""

from __future__ import annotations

import subprocess
import sys

import psycopg

from infra.local_stack.environment import python_environment
from infra.local_stack.place import Place

UNFINISHED = ("STARTING", "STARTED", "CANCELING")


def end_abandoned_runs(place: Place) -> None:
    """Reports each as failed. Asks PostgreSQL first, since importing Dagster takes seconds."""
    if _count_unfinished(place):
        subprocess.run([sys.executable, "-m", __name__], env=python_environment(place), check=True, capture_output=True)


def _count_unfinished(place: Place) -> int:
    settings = place.settings
    password = settings.postgres_password
    with psycopg.connect(
        host=settings.postgres_host,
        port=settings.postgres_port,
        user=settings.postgres_user,
        password=password.get_secret_value() if password else None,
        dbname=settings.dagster_database,
        connect_timeout=5,
    ) as connection:
        if connection.execute("select 1 from pg_tables where tablename = 'runs'").fetchone() is None:
            return 0
        query = "select count(*) from runs where status = any(%s)"
        row = connection.execute(query, [list(UNFINISHED)]).fetchone()
        return int(row[0]) if row else 0


def report_as_failed() -> None:
    """Runs in a process of its own, with DAGSTER_HOME set."""
    from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

    with DagsterInstance.get() as instance:
        statuses = [DagsterRunStatus(status) for status in UNFINISHED]
        for run in instance.get_runs(RunsFilter(statuses=statuses)):
            instance.report_run_failed(run, "Its process was gone when the local stack started again.")
            instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)


if __name__ == "__main__":
    report_as_failed()
