"""Dagster's event log over a kept connection: events share it, and one that was lost is replaced."""

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
from pinterest_platform.stores.dagster_events import KeptConnectionEventLog
from pinterest_platform.stores.postgres import Connection, connect

RUN = "a-run"


@pytest.fixture
def administration(stores: Settings) -> Iterator[Connection]:
    with closing(connect(stores, autocommit=True)) as connection:
        yield connection


@pytest.fixture
def event_log(stores: Settings, administration: Connection) -> Iterator[KeptConnectionEventLog]:
    """With tables of its own in a schema that goes at the end."""
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
    log = KeptConnectionEventLog(postgres_url=url.render_as_string(hide_password=False))
    yield log
    log._engine.dispose()
    administration.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))


def test_events_share_a_connection(event_log: KeptConnectionEventLog, administration: Connection) -> None:
    for number in range(3):
        event_log.store_event(_event(f"event {number}"))
        assert len(_backends(administration, event_log)) == 1

    [first] = _backends(administration, event_log)
    event_log.store_event(_event("one more"))

    assert _backends(administration, event_log) == [first]
    assert _stored(event_log) == ["event 0", "event 1", "event 2", "one more"]


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


def _backends(administration: Connection, event_log: KeptConnectionEventLog) -> list[int]:
    name = event_log._engine.url.query["application_name"]
    query = "SELECT pid FROM pg_stat_activity WHERE application_name = %s"
    rows: list[tuple[int]] = administration.execute(query, [name]).fetchall()  # type: ignore[assignment]
    return [pid for (pid,) in rows]
