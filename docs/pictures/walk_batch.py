"""Do in Dagster's UI what a person does with the batch, and take a picture of each step.

Run `python docs/pictures/walk_batch.py` on a stack that runs and has history, with Debian's chromium. It materialises
the newest partition, backfills the three days before yesterday, then takes a row away from Cassandra, runs the checks
of that day, and brings the row back.
"""

from __future__ import annotations

import time
from datetime import date, timedelta
from pathlib import Path

from browser import open_page
from playwright.sync_api import Page

from infra.command_line.dagster_runs import DagsterWeb
from infra.local_stack.stack import LocalStack
from pinterest_platform.defs.jobs import BATCH_JOB, CHECK_JOB, STREAM_JOB
from pinterest_platform.pins.calendar import today
from pinterest_platform.serving.pinterest_batch import categories_of
from pinterest_platform.settings import Settings
from pinterest_platform.stores.cassandra import open_session
from pinterest_platform_tests.support.dagster import UNFINISHED, runs_of

HERE = Path(__file__).parent
JOB = f"/locations/pinterest_platform/jobs/{BATCH_JOB}"


def main() -> None:
    """Every step, in order."""
    settings = LocalStack().settings
    dagster = DagsterWeb(settings)
    with open_page() as page:
        materialise(page, settings, "Latest", "materialised_partition")
        first = today() - timedelta(days=4)
        materialise(page, settings, f"[{first}...{first + timedelta(days=2)}]", "backfill_of_three_days")
        failed_check(page, dagster, settings, first)


def materialise(page: Page, settings: Settings, days: str, picture: str) -> None:
    """Through the job's dialog, to its end."""
    dagster = DagsterWeb(settings)
    page.goto(f"{dagster.url}{JOB}")
    page.get_by_role("button", name="Materialize all").click()
    if days == "Latest":
        page.get_by_role("button", name="Latest", exact=True).click()
    else:
        page.get_by_placeholder("No matching partitions").or_(page.locator("input[type=text]").last).fill(days)
        page.keyboard.press("Tab")
    page.wait_for_timeout(1_000)
    page.screenshot(path=HERE / f"{picture}_dialog.png")
    page.get_by_role("button", name="Launch").last.click()
    page.wait_for_timeout(45_000)  # a backfill's first run follows within half a minute
    wait_for_batch(settings)
    page.goto(f"{dagster.url}/runs")
    page.wait_for_timeout(5_000)
    page.screenshot(path=HERE / f"{picture}.png")


def wait_for_batch(settings: Settings) -> None:
    """Until nothing runs but the stream."""
    while any(run.job != STREAM_JOB for run in runs_of(settings, statuses=UNFINISHED)):
        time.sleep(1)


def failed_check(page: Page, dagster: DagsterWeb, settings: Settings, day: date) -> None:
    """The account of a day whose last row is gone from Cassandra."""
    with open_session(settings) as session:
        session.set_keyspace(settings.cassandra_keyspace)
        category = categories_of(session, day)[0]
        find = "SELECT unique_id FROM pinterest_batch WHERE ingest_date = %s AND category = %s LIMIT 1"
        lost = session.execute(find, [day, category]).one().unique_id
        delete = "DELETE FROM pinterest_batch WHERE ingest_date = %s AND category = %s AND unique_id = %s"
        session.execute(delete, [day, category, lost])
    dagster.follow(dagster.launch(CHECK_JOB, day))
    page.goto(f"{dagster.url}/assets/pinterest_batch?view=checks&checkDetail=every_event_is_accounted_for")
    page.get_by_text("Cassandra lacks rows").first.wait_for()
    page.screenshot(path=HERE / "failed_check.png")
    dagster.require_success(dagster.launch(BATCH_JOB, day), lambda _: None)


if __name__ == "__main__":
    main()
