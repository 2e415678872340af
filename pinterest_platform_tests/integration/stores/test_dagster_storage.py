"""Dagster's storages with kept connections: statements share one, and a lost one is replaced."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import closing

import dagster as dg
import pytest
from dagster._core.events import DagsterEvent, DagsterEventType, EngineEventData
from psycopg import sql
from sqlalchemy.engine import URL

from pinterest_platform.settings import Settings
from pinterest_platform.stores.dagster_storage import (
    KeptConnectionEventLog,
    KeptConnectionRuns,
    KeptConnectionSchedules,
)
from pinterest_platform.stores.postgres import Connection, connect

RUN = "a-run"


@pytest.fixture
def administration(stores: Settings) -> Iterator[Connection]:
    with closing(connect(stores, autocommit=True)) as connection:
        yield connection


@pytest.fixture
def url(stores: Settings, administration: Connection) -> Iterator[str]:
    """Of a schema for the test's own tables, which goes at the end."""
    schema = f"t{uuid.uuid4().hex[:12]}"
    administration.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
    password = stores.postgres_password
    url = URL.create(
        "postgresql",
        stores.postgres_user,
        password.get_secret_value() if password else None,
        stores.postgres_host,
        stores.postgres_port,
        stores.postgres_database,
        {"options": f"-csearch_path={schema}", "application_name": schema},
    )
    yield url.render_as_string(hide_password=False)
    administration.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))


@pytest.fixture
def event_log(url: str) -> Iterator[KeptConnectionEventLog]:
    log = KeptConnectionEventLog(postgres_url=url)
    yield log
    log.dispose()


@pytest.fixture
def runs(url: str) -> Iterator[KeptConnectionRuns]:
    runs = KeptConnectionRuns(postgres_url=url)
    yield runs
    runs.dispose()


@pytest.fixture
def schedules(url: str) -> Iterator[KeptConnectionSchedules]:
    schedules = KeptConnectionSchedules(postgres_url=url)
    yield schedules
    schedules.dispose()


def test_events_share_a_connection(event_log: KeptConnectionEventLog, administration: Connection) -> None:
    for number in range(3):
        event_log.store_event(_event(f"event {number}"))
        assert len(_backends(administration, event_log)) == 1

    [first] = _backends(administration, event_log)
    event_log.store_event(_event("one more"))

    assert _backends(administration, event_log) == [first]
    assert _stored(event_log) == ["event 0", "event 1", "event 2", "one more"]


def test_a_daemon_that_has_nothing_to_do_opens_no_connections(
    runs: KeptConnectionRuns, schedules: KeptConnectionSchedules, administration: Connection
) -> None:
    def look() -> None:
        assert runs.get_runs(limit=1) == []
        assert schedules.all_instigator_state() == []

    look()
    both = _backends(administration, runs)
    for _ in range(3):
        look()

    assert len(both) == 2
    assert _backends(administration, runs) == both


def test_no_connection_outlives_the_storage(runs: KeptConnectionRuns, administration: Connection) -> None:
    runs.get_runs(limit=1)
    assert _backends(administration, runs)

    runs.dispose()

    for _ in range(50):
        if not _backends(administration, runs):
            return
        time.sleep(0.1)
    pytest.fail("The connection is still there.")


def test_a_connection_that_was_lost_is_replaced(event_log: KeptConnectionEventLog, administration: Connection) -> None:
    event_log.store_event(_event("before"))
    [backend] = _backends(administration, event_log)
    administration.execute("SELECT pg_terminate_backend(%s, 5000)", [backend])

    event_log.store_event(_event("after"))

    assert _stored(event_log) == ["before", "after"]


def _event(message: str) -> dg.EventLogEntry:
    event = DagsterEvent(
        DagsterEventType.ENGINE_EVENT.value, "a_job", event_specific_data=EngineEventData({}), message=message
    )
    return dg.EventLogEntry(None, 20, message, RUN, time.time(), dagster_event=event)  # type: ignore[no-untyped-call]


def _stored(event_log: KeptConnectionEventLog) -> list[str]:
    return [entry.user_message for entry in event_log.get_logs_for_run(RUN)]


def _backends(
    administration: Connection, storage: KeptConnectionEventLog | KeptConnectionRuns | KeptConnectionSchedules
) -> list[int]:
    name = storage._engine.url.query["application_name"]
    query = "SELECT pid FROM pg_stat_activity WHERE application_name = %s ORDER BY pid"
    rows: list[tuple[int]] = administration.execute(query, [name]).fetchall()  # type: ignore[assignment]
    return [pid for (pid,) in rows]
