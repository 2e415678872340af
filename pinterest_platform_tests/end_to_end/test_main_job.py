"""`make run` on real servers: its numbers are checked by separate queries, also after kill -9."""

from __future__ import annotations

import gzip
import json
import re
import signal
import time
import uuid
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any, TypeVar

import httpx
import psutil
import pytest

from infra.command_line.main_job import LEDGER
from infra.local_stack.settings import LocalStackSettings
from infra.local_stack.stack import LocalStack
from ingest_api.emulator.emulation import Emulation, emulate
from pinterest_platform.defs.jobs import STREAM_JOB
from pinterest_platform.landing.raw_objects import day_prefix
from pinterest_platform.pins.calendar import today
from pinterest_platform.stores.cassandra import open_session
from pinterest_platform.stores.postgres import connect
from pinterest_platform.stores.presto import ask
from pinterest_platform.stores.s3 import open_bucket
from pinterest_platform.stores.saved_queries import saved_query
from pinterest_platform.stream.lag import stream_lag
from pinterest_platform.stream.profiles import differing_profiles
from pinterest_platform_tests.end_to_end.conftest import Command
from pinterest_platform_tests.support.dagster import dagster_of, started_runs, switch_sensor
from pinterest_platform_tests.support.panels import panels_without_data, prometheus
from pinterest_platform_tests.support.pins import pin
from pinterest_platform_tests.support.waiting import wait_for

pytestmark = pytest.mark.timeout(600)
MENDED = {"DayNotAccountedFor", "FailedCheck"}

T = TypeVar("T")
PINS, MORE_PINS = 11_000, 500
TERMINATE = """mutation Stop($runId: String!) { terminateRun(runId: $runId) { __typename } }"""
STATUS = """query Status($runId: ID!) { runOrError(runId: $runId) { ... on Run { status } } }"""
SCHEDULE = """{ scheduleOrError(scheduleSelector: {repositoryLocationName: "pinterest_platform",
    repositoryName: "__repository__", scheduleName: "daily_batch_at_ten"}) {
    ... on Schedule { cronSchedule executionTimezone scheduleState { status } } } }"""


def raw_lines(settings: LocalStackSettings, day: date) -> int:
    bucket = open_bucket(settings)
    return sum(len(gzip.decompress(bucket.get(item.key)).splitlines()) for item in bucket.list(day_prefix(day)))


def newest_posts(settings: LocalStackSettings) -> dict[str, str]:
    """When each pin was last received, by the raw lines of today."""
    bucket = open_bucket(settings)
    objects = [gzip.decompress(bucket.get(item.key)).splitlines() for item in bucket.list(day_prefix(today()))]
    records = [json.loads(line) for lines in objects for line in lines]
    in_order = sorted(records, key=lambda record: (record["timestamp"], record["offset"], record["partition"]))
    return {json.loads(record["value"])["unique_id"]: as_presto_writes(record["timestamp"]) for record in in_order}


def as_presto_writes(milliseconds: int) -> str:
    return f"{datetime.fromtimestamp(milliseconds // 1000, UTC):%Y-%m-%d %H:%M:%S}.{milliseconds % 1000:03}"


def cassandra_rows(settings: LocalStackSettings) -> int:
    with open_session(settings) as session:
        return int(session.execute(f"SELECT count(*) FROM {settings.cassandra_keyspace}.pinterest_batch").one()[0])  # noqa: S608


Place = tuple[int, int]  # Kafka's partition and offset


def ledger_of(settings: LocalStackSettings) -> dict[str, dict[str, Any]]:
    lines = map(json.loads, (settings.state_folder / LEDGER).read_text().splitlines())
    return {line["event_id"]: line for line in lines}


def place(line: dict[str, Any]) -> Place:
    return line["partition"], line["offset"]


def raw_events(settings: LocalStackSettings, day: date) -> dict[str, Place]:
    bucket = open_bucket(settings)
    objects = (gzip.decompress(bucket.get(item.key)) for item in bucket.list(day_prefix(day)))
    records = [json.loads(line) for lines in objects for line in lines.splitlines()]
    return {json.loads(record["value"])["event_id"]: place(record) for record in records}


def cassandra_events(settings: LocalStackSettings) -> dict[str, Place]:
    with open_session(settings) as session:
        query = f"SELECT event_id, kafka_partition, kafka_offset FROM {settings.cassandra_keyspace}.pinterest_batch"  # noqa: S608
        return {row[0]: (row[1], row[2]) for row in session.execute(query)}


def stream_events(settings: LocalStackSettings) -> dict[str, Place]:
    with closing(connect(settings)) as connection:
        rows: Any = connection.execute(
            "SELECT event_id, kafka_partition, kafka_offset FROM pinterest_stream"
        ).fetchall()
    return {event: (partition, offset) for event, partition, offset in rows}


def stream_rows(settings: LocalStackSettings) -> int:
    with closing(connect(settings)) as connection:
        [(rows,)] = connection.execute("SELECT count(*) FROM pinterest_stream").fetchall()
    return int(str(rows))


def streaming_run(settings: LocalStackSettings) -> str | None:
    return next(iter(started_runs(settings, STREAM_JOB)), None)


def status_of(settings: LocalStackSettings, run_id: str) -> str:
    return str(dagster_of(settings).ask(STATUS, runId=run_id)["runOrError"]["status"])


def firing(settings: LocalStackSettings) -> list[dict[str, Any]]:
    return [alert for alert in prometheus(settings, "alerts")["alerts"] if alert["state"] == "firing"]


def ingest_api(settings: LocalStackSettings) -> str:
    return f"http://{settings.ingest_host}:{settings.ingest_port}"


def is_stored(settings: LocalStackSettings, event_id: str) -> bool:
    with closing(connect(settings)) as connection:
        return connection.execute("SELECT FROM pinterest_stream WHERE event_id = %s", [event_id]).rowcount == 1


def jvm_of_the_stream(stack: LocalStack) -> psutil.Process | None:
    """Its JVM, while no other run has one."""
    code_server = stack.process("dagster-code")
    assert code_server is not None
    jvms = [process for process in code_server.children(recursive=True) if process.name() == "java"]
    return jvms[0] if len(jvms) == 1 else None


def test_the_main_job_adds_up_and_the_stores_say_the_same(command: Command, settings: LocalStackSettings) -> None:
    output = command("run").stdout

    assert f"Posted {PINS:,} pins, acknowledged {PINS:,}, refused 0" in output
    assert "✓ it adds up" in output
    shown = re.search(r"clean ([\d,]+) = Cassandra ([\d,]+)", output)
    assert shown is not None
    assert raw_lines(settings, today()) == PINS
    assert cassandra_rows(settings) == int(shown[2].replace(",", ""))
    assert stream_rows(settings) == PINS


def test_the_lambda_view_is_a_recount_of_everything_posted(command: Command, settings: LocalStackSettings) -> None:
    query = saved_query(settings, "newest_version_of_every_pin")

    view = ask(settings, query.filled(settings, {"rows": "ALL"})).rows

    assert {row[0]: row[6] for row in view} == newest_posts(settings)
    assert f"{len(view):,} rows in" in command("sql", "newest_version_of_every_pin rows=ALL").stdout


def test_every_table_has_what_the_ledger_says_was_acknowledged(settings: LocalStackSettings) -> None:
    ledger = ledger_of(settings)
    events, pins = set(ledger), {line["unique_id"] for line in ledger.values()}
    assert len(events) == PINS
    assert (
        raw_events(settings, today()) == stream_events(settings) == {id_: place(line) for id_, line in ledger.items()}
    )
    # The batch keeps the newest version of a pin, and that is one of those that were acknowledged.
    rows = cassandra_events(settings)
    assert rows.keys() <= events
    assert {ledger[event]["unique_id"] for event in rows} == pins
    assert all(rows[event] == place(ledger[event]) for event in rows)


def test_the_schedule_is_on(settings: LocalStackSettings) -> None:
    schedule = dagster_of(settings).ask(SCHEDULE)["scheduleOrError"]

    assert (schedule["cronSchedule"], schedule["executionTimezone"]) == ("0 10 * * *", "UTC")
    assert schedule["scheduleState"]["status"] == "RUNNING"


def test_prometheus_sees_everything_and_no_alert_fires(settings: LocalStackSettings) -> None:
    def all_up() -> bool:
        targets = prometheus(settings, "targets", state="active")["activeTargets"]
        return {target["health"] for target in targets} == {"up"}

    wait_for(all_up, seconds=30)
    assert firing(settings) == []


def test_every_panel_of_every_dashboard_has_data(settings: LocalStackSettings) -> None:
    deadline = time.monotonic() + 40  # a rate needs two scrapes that saw the figure
    while (missing := panels_without_data(settings)) and time.monotonic() < deadline:
        time.sleep(1)

    assert missing == []


def test_the_page_to_try_the_api_with_comes_from_the_api_itself(settings: LocalStackSettings) -> None:
    page = httpx.get(f"{ingest_api(settings)}/docs")

    assert "/docs/swagger-ui-bundle.js" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "SwaggerUIBundle" in httpx.get(f"{ingest_api(settings)}/docs/swagger-ui-bundle.js").text


def test_the_stream_has_a_row_in_the_status(command: Command) -> None:
    rows = [line for line in command("status").stdout.splitlines() if line.startswith("stream ")]

    assert len(rows) == 1
    assert "healthy" in rows[0]
    assert "0 records behind" in rows[0]


def test_a_day_that_a_backfill_has_mended_ends_its_alerts(command: Command, settings: LocalStackSettings) -> None:
    never_cleaned = today() - timedelta(days=6)
    query = f'pipeline_day_is_accounted_for{{partition="{never_cleaned}"}}'

    def says(accounted: str) -> bool:
        return [found["value"][1] for found in prometheus(settings, "query", query=query)["result"]] == [accounted]

    assert f"{never_cleaned} has no clean slice" in command("check-assets", str(never_cleaned), expect=1).stdout
    wait_for(lambda: says("0"))
    command("backfill", str(never_cleaned))

    wait_for(lambda: says("1"))
    wait_for(lambda: not {alert["labels"]["alertname"] for alert in firing(settings)} & MENDED)


def test_the_stream_ends_cleanly_when_terminated_and_is_started_again(settings: LocalStackSettings) -> None:
    run_id = wait_for(lambda: streaming_run(settings))

    dagster_of(settings).ask(TERMINATE, runId=run_id)

    wait_for(lambda: status_of(settings, run_id) == "CANCELED", seconds=30)
    assert wait_for(lambda: streaming_run(settings)) != run_id


def test_the_switch_ends_the_stream_with_success_and_starts_it_again(settings: LocalStackSettings) -> None:
    run_id = wait_for(lambda: streaming_run(settings))
    wait_for(lambda: stream_lag(settings) == 0)

    switch_sensor(settings, "keep_streaming", on=False)
    wait_for(lambda: status_of(settings, run_id) == "SUCCESS", seconds=90)  # it may still be starting Spark

    switch_sensor(settings, "keep_streaming", on=True)
    assert wait_for(lambda: streaming_run(settings)) != run_id


def test_servers_that_were_killed_start_again_lose_no_row_and_go_on(
    command: Command, settings: LocalStackSettings, test_stack: LocalStack
) -> None:
    rows = cassandra_rows(settings)
    killed = [process for name in test_stack.servers if (process := test_stack.process(name))]
    assert len(killed) == len(test_stack.servers)
    for process in killed:
        process.send_signal(signal.SIGKILL)
    psutil.wait_procs(killed, timeout=10)
    assert "stopped" in command("status", expect=1).stdout

    command("start")
    more = emulate(Emulation(ingest_api(settings), count=MORE_PINS))

    assert more.acknowledged == MORE_PINS
    assert raw_lines(settings, today()) >= PINS  # more, where the Kafka sensor has asked for the day meanwhile
    assert cassandra_rows(settings) >= rows
    wait_for(lambda: stream_rows(settings) == PINS + MORE_PINS)
    assert stream_lag(settings) == 0


@pytest.mark.parametrize("victim", ["its JVM", "its run's process"])
def test_a_stream_that_was_killed_goes_on_by_itself_and_has_every_event_once(
    settings: LocalStackSettings, test_stack: LocalStack, victim: str
) -> None:
    rows = stream_rows(settings)
    jvm = wait_for(lambda: jvm_of_the_stream(test_stack))
    killed = jvm if victim == "its JVM" else jvm.parent()
    assert killed is not None
    killed.kill()
    event = str(uuid.uuid4())
    assert httpx.post(f"{ingest_api(settings)}/pin/", json=pin(event_id=event), timeout=30).status_code == 200

    wait_for(partial(is_stored, settings, event), seconds=180)
    with closing(connect(settings)) as connection:
        assert differing_profiles(connection) == []
    assert stream_rows(settings) == rows + 1


def test_stop_leaves_no_process(command: Command, test_stack: LocalStack) -> None:
    command("stop")

    assert not test_stack.is_running()
