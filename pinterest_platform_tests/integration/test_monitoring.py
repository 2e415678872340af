"""Prometheus with real servers: its targets, the page, and an alert for a killed server."""

from __future__ import annotations

import os
import re
import shutil
import signal

import httpx
import psutil
import psycopg
import pytest

from infra.command_line.monitoring_state import what_monitoring_says
from infra.command_line.status import look
from infra.local_stack.artifacts import INFRA
from infra.local_stack.settings import LocalStackSettings
from infra.local_stack.stack import LocalStack
from pinterest_platform.stores.postgres import migrate
from pinterest_platform_tests.support.panels import prometheus
from pinterest_platform_tests.support.waiting import wait_for

WATCHERS = ["prometheus", "postgres-exporter", "platform-exporter"]
SCRAPED = {"prometheus", "cassandra", "kafka", "postgres", "platform"}


@pytest.fixture(scope="module")
def watched(stores: LocalStackSettings, test_stack: LocalStack) -> LocalStack:
    """The stores with everything that watches them, and alerts that wait for one second."""
    migrate(stores)
    test_stack.start(WATCHERS)
    _let_alerts_fire_at_once(test_stack)
    return test_stack


def _let_alerts_fire_at_once(stack: LocalStack) -> None:
    folder = stack.place.state / "prometheus"
    rules = folder / "impatient"
    shutil.rmtree(rules, ignore_errors=True)
    rules.mkdir()
    for file in (INFRA / "prometheus" / "rules").glob("*.yml"):
        (rules / file.name).write_text(re.sub(r"for: \w+", "for: 1s", file.read_text()))
    configuration = folder / "prometheus.yml"
    configuration.write_text(configuration.read_text().replace(str(INFRA / "prometheus" / "rules"), str(rules)))
    process = stack.process("prometheus")
    assert process is not None
    process.send_signal(signal.SIGHUP)


def states(settings: LocalStackSettings) -> dict[str, str]:
    targets = prometheus(settings, "targets", state="active")["activeTargets"]
    return {target["labels"]["job"]: target["health"] for target in targets}


def firing(settings: LocalStackSettings) -> set[str]:
    alerts = prometheus(settings, "alerts")["alerts"]
    return {alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"}


def value(settings: LocalStackSettings, query: str) -> float | None:
    result = prometheus(settings, "query", query=query)["result"]
    return float(result[0]["value"][1]) if result else None


def test_every_server_that_runs_is_scraped(watched: LocalStack) -> None:
    wait_for(lambda: {job for job, state in states(watched.settings).items() if state == "up"} >= SCRAPED)

    assert value(watched.settings, "pg_up") == 1
    assert value(watched.settings, 'platform_source_up{source="stream"}') == 1


def test_the_exporters_user_may_read_no_row(watched: LocalStack) -> None:
    settings = watched.settings
    with psycopg.connect(
        host=settings.postgres_host,
        port=settings.postgres_port,
        user=settings.postgres_monitor_user,
        password=watched.place.credentials.postgres_monitor_password,
        dbname=settings.postgres_database,
    ) as connection:
        assert connection.execute("SELECT count(*) FROM pg_stat_activity").fetchone() is not None
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT * FROM pinterest_stream")


def test_what_watches_listens_on_loopback_only(watched: LocalStack) -> None:
    for name in WATCHERS:
        process = watched.process(name)
        assert process is not None
        listening = [entry for entry in process.net_connections("tcp") if entry.status == psutil.CONN_LISTEN]
        assert [entry.laddr[0].removeprefix("::ffff:") for entry in listening] == ["127.0.0.1"], name


def test_the_page_and_its_dashboards_are_served(watched: LocalStack) -> None:
    url = f"http://127.0.0.1:{watched.settings.prometheus_port}/user"

    for file in ("", "page.js", "units.js", "page.css", "uPlot.iife.min.js", "dashboards/pipeline.json"):
        assert httpx.get(f"{url}/{file}").status_code == 200
    assert httpx.get(f"{url}/dashboards/index.json").json() == ["cassandra", "pipeline", "postgresql"]


def test_a_server_that_was_killed_fires_its_alert_until_it_is_back(watched: LocalStack) -> None:
    settings = watched.settings
    wait_for(lambda: value(settings, "pg_up") == 1)
    postgres = watched.process("postgres")
    assert postgres is not None

    os.kill(postgres.pid, signal.SIGKILL)
    wait_for(lambda: "PostgresDown" in firing(settings))
    said = what_monitoring_says(settings, look(watched))
    watched.start(["postgres"])

    assert "Alert PostgresDown: PostgreSQL does not answer. The stream waits, and Dagster cannot work." in said
    wait_for(lambda: "PostgresDown" not in firing(settings))


def test_an_exporter_that_is_gone_is_a_warning_and_the_servers_go_on(watched: LocalStack) -> None:
    exporter = watched.process("platform-exporter")
    assert exporter is not None
    exporter.kill()
    wait_for(lambda: watched.process("platform-exporter") is None)

    statuses = {status.name: status for status in look(watched)}

    assert not statuses["platform-exporter"].is_a_problem
    assert any(
        "platform-exporter is stopped" in warning
        for warning in what_monitoring_says(watched.settings, statuses.values())
    )
