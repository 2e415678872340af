"""`make check-assets`: has Dagster run the checks of a day, and shows the results as a table."""

from __future__ import annotations

from datetime import date

from rich.table import Table
from rich.text import Text

from infra.command_line.dagster_runs import CheckOutcome, DagsterWeb
from infra.command_line.known_days import demand_known_days
from infra.errors import StackError
from infra.local_stack.terminal import Terminal
from pinterest_platform.defs.jobs import CHECK_JOB
from pinterest_platform.pins.calendar import today
from pinterest_platform.settings import Settings


def check_assets(settings: Settings, day: date, terminal: Terminal) -> int:
    """Runs every check of the day; returns 1 if one fails, else 0. Warnings are shown, but are not failures.

    Raises:
        StackError: there is no such day, Dagster does not answer, or the run ended without a check result.
    """
    demand_known_days(settings, day, day, today())
    dagster = DagsterWeb(settings)
    run_id = dagster.launch(CHECK_JOB, day)
    terminal.line(f"Checking {day}: {dagster.run_url(run_id)}")
    status = dagster.follow(run_id)
    outcomes = dagster.check_outcomes(run_id)
    if not outcomes:
        raise StackError(f"The run ended as {status} before any check finished. See {dagster.run_url(run_id)}.")
    terminal.table(_as_table(outcomes))
    return int(any(not outcome.passed and not outcome.warning for outcome in outcomes))


def _as_table(outcomes: list[CheckOutcome]) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("", "asset", "check", "finding"):
        table.add_column(title)
    for outcome in outcomes:
        table.add_row(_mark(outcome), outcome.asset, outcome.check, outcome.found)
    return table


def _mark(outcome: CheckOutcome) -> Text:
    if outcome.passed:
        return Text("✓", style="green")
    return Text("!", style="yellow") if outcome.warning else Text("✗", style="red")
