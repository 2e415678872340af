"""Alerts on their way to people: real Prometheus and Alertmanager, and a webhook and mail server in the test."""

from __future__ import annotations

import io
import re
import signal
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import httpx
import psutil
import pytest
from pydantic import SecretStr

from infra.command_line.monitoring_state import watched_at
from infra.local_stack.artifacts import INFRA
from infra.local_stack.processes import marked
from infra.local_stack.servers.alertmanager import address_of, configuration_file
from infra.local_stack.settings import LocalStackSettings
from infra.local_stack.stack import LocalStack
from infra.local_stack.terminal import Terminal
from pinterest_platform_tests.support.alert_receivers import MailServer, Webhook, scraped_at, serving
from pinterest_platform_tests.support.panels import prometheus
from pinterest_platform_tests.support.ports import free_ports, with_ports
from pinterest_platform_tests.support.waiting import wait_for

SERVERS = ["prometheus", "alertmanager"]
ALERT = "IngestApiDown"
GRACE_SECONDS = 8
PASSWORD = "a pass: 'word\" ü"


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    webhook = Webhook()
    with serving(webhook):
        yield webhook


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    mail_server = MailServer()
    with serving(mail_server):
        yield mail_server


@pytest.fixture
def settings_here(tmp_path: Path) -> LocalStackSettings:
    """Ports and a folder of the test's own, and alerts that are told at once."""
    own = LocalStackSettings(state_folder=tmp_path, prometheus_scrape_seconds=1, alert_grace_seconds=0)
    return with_ports(own, free_ports())


@pytest.fixture
def started() -> Iterator[list[LocalStack]]:
    """The stacks of the test, which are stopped at its end."""
    stacks: list[LocalStack] = []
    yield stacks
    for stack in stacks:
        stack.stop()


def start(settings: LocalStackSettings, started: list[LocalStack], said: io.StringIO | None = None) -> LocalStack:
    stack = LocalStack(settings, Terminal(said or io.StringIO()))
    started.append(stack)
    stack.start(SERVERS)
    _be_impatient(stack)
    return stack


def _be_impatient(stack: LocalStack) -> None:
    """Lets alerts fire after a second, and the next message about a group follow after three."""
    rules, files = INFRA / "prometheus" / "rules", stack.place.state / "prometheus"
    (files / "impatient").mkdir(exist_ok=True)
    for file in rules.glob("*.yml"):
        (files / "impatient" / file.name).write_text(re.sub(r"for: \w+", "for: 1s", file.read_text()))
    for name, file, old, new in (
        ("prometheus", files / "prometheus.yml", str(rules), str(files / "impatient")),
        ("alertmanager", configuration_file(stack.place), "group_interval: 5m", "group_interval: 3s"),
    ):
        file.write_text(file.read_text().replace(old, new))
        process = stack.process(name)
        assert process is not None
        process.send_signal(signal.SIGHUP)


def told_settings(settings: LocalStackSettings, webhook: Webhook) -> LocalStackSettings:
    return settings.model_copy(update={"alert_webhook_url": SecretStr(webhook.url)})


def mailed_settings(settings: LocalStackSettings, mail_server: MailServer) -> LocalStackSettings:
    mail = {
        "alert_mail_smarthost": mail_server.smarthost,
        "alert_mail_from": "platform@example.org",
        "alert_mail_to": "ada@example.org, bob@example.org",
        "alert_mail_user": "platform",
        "alert_mail_password": SecretStr(PASSWORD),
        "alert_mail_tls": False,
    }
    return settings.model_copy(update=mail)


def active_silences(settings: LocalStackSettings) -> list[datetime]:
    silences = httpx.get(f"{address_of(settings)}/api/v2/silences").json()
    return [datetime.fromisoformat(each["endsAt"]) for each in silences if each["status"]["state"] == "active"]


def firing(settings: LocalStackSettings) -> set[str]:
    return {each["labels"]["alertname"] for each in httpx.get(f"{address_of(settings)}/api/v2/alerts").json()}


def test_an_alert_arrives_at_the_webhook_and_so_does_its_end(
    settings_here: LocalStackSettings, webhook: Webhook, started: list[LocalStack]
) -> None:
    stack = start(told_settings(settings_here, webhook), started)
    wait_for(lambda: webhook.told(ALERT) == ["firing"])

    [message] = [message for message in webhook.messages if message["groupLabels"] == {"alertname": ALERT}]
    [alert] = message["alerts"]
    page, _, anchor = alert["annotations"]["runbook_url"].partition("#")
    assert f'id="{anchor}"' in httpx.get(page).raise_for_status().text
    assert alert["generatorURL"].startswith(f"http://127.0.0.1:{stack.settings.prometheus_port}/")

    with scraped_at(stack.settings.ingest_port):
        wait_for(lambda: webhook.told(ALERT) == ["firing", "resolved"])


def test_a_mail_tells_of_an_alert_with_the_login_and_to_everyone(
    settings_here: LocalStackSettings, mail_server: MailServer, started: list[LocalStack]
) -> None:
    stack = start(mailed_settings(settings_here, mail_server), started)
    wait_for(lambda: any(ALERT in message for message in mail_server.messages))

    assert set(mail_server.logins) == {("platform", PASSWORD)}
    assert {"MAIL FROM:<platform@example.org>", "RCPT TO:<ada@example.org>", "RCPT TO:<bob@example.org>"} <= {
        line.partition(" BODY=")[0] for line in mail_server.envelopes
    }
    commands = [argument for process in marked(stack.place.state) for argument in process.cmdline()]
    assert not any(PASSWORD in argument for argument in commands)
    for file in (configuration_file(stack.place), stack.place.log_file("alertmanager")):
        assert file.stat().st_mode & 0o777 == 0o600
    assert PASSWORD not in httpx.get(f"{address_of(stack.settings)}/api/v2/status").json()["config"]["original"]


def test_nobody_is_told_while_the_platform_starts_but_of_what_then_still_fires(
    settings_here: LocalStackSettings, webhook: Webhook, started: list[LocalStack]
) -> None:
    patient = told_settings(settings_here, webhook).model_copy(update={"alert_grace_seconds": GRACE_SECONDS})
    stack = start(patient, started)
    [ends] = active_silences(stack.settings)
    wait_for(lambda: ALERT in firing(stack.settings))

    while time.time() < ends.timestamp() - 1:
        assert webhook.messages == []
        time.sleep(0.2)

    wait_for(lambda: "firing" in webhook.told(ALERT))
    assert active_silences(stack.settings) == []
    stack.start(SERVERS)
    assert active_silences(stack.settings) == [], "a start that starts nothing silences nothing"


def test_a_stop_tells_nobody_of_what_fires_and_ends_alertmanager_first(
    settings_here: LocalStackSettings, webhook: Webhook, started: list[LocalStack]
) -> None:
    said = io.StringIO()
    slow = told_settings(settings_here, webhook).model_copy(update={"prometheus_scrape_seconds": 10})
    stack = start(slow, started, said)
    alert = {"labels": {"alertname": ALERT}}
    httpx.post(f"{address_of(stack.settings)}/api/v2/alerts", json=[alert]).raise_for_status()
    wait_for(lambda: ALERT in firing(stack.settings))  # it would be told after two scrapes

    stack.stop()

    assert webhook.messages == []
    assert re.findall(r"✓ (\S+) +\S+ s   stopped", said.getvalue()) == ["alertmanager", "prometheus"]
    assert marked(stack.place.state) == []


def test_without_a_receiver_alerts_are_on_the_page_and_what_is_explained_is_marked(
    settings_here: LocalStackSettings, started: list[LocalStack]
) -> None:
    stack = start(settings_here, started)
    address = address_of(stack.settings)
    wait_for(lambda: ALERT in firing(stack.settings))
    ends = "2099-01-01T00:00:00Z"
    pretended = [{"labels": {"alertname": name}, "endsAt": ends} for name in ("PostgresDown", "StreamDead")]
    httpx.post(f"{address}/api/v2/alerts", json=pretended).raise_for_status()

    alerts = httpx.get(f"{address}/api/v2/alerts").json()

    [explained] = [alert for alert in alerts if alert["labels"]["alertname"] == "StreamDead"]
    assert explained["status"]["inhibitedBy"]
    assert "script.js" in httpx.get(f"{address}/").text
    assert httpx.get(f"{address}/script.js").status_code == 200
    assert address in watched_at(stack.settings).values()


def test_both_listen_on_loopback_only_and_have_the_metrics_of_their_own_alerts(
    settings_here: LocalStackSettings, started: list[LocalStack]
) -> None:
    stack = start(settings_here, started)
    for name in SERVERS:
        process = stack.process(name)
        assert process is not None
        listening = [entry for entry in process.net_connections("tcp") if entry.status == psutil.CONN_LISTEN]
        assert [entry.laddr[0] for entry in listening] == ["127.0.0.1"], name

    for metric in ("prometheus_notifications_errors_total", "alertmanager_notifications_failed_total"):
        wait_for(lambda metric=metric: prometheus(stack.settings, "query", query=metric)["result"])  # type: ignore[misc]


def test_an_alertmanager_that_is_gone_fires_an_alert(
    settings_here: LocalStackSettings, started: list[LocalStack]
) -> None:
    stack = start(settings_here, started)
    wait_for(lambda: ALERT in firing(stack.settings))
    process = stack.process("alertmanager")
    assert process is not None

    process.kill()

    def fires() -> bool:
        alerts = prometheus(stack.settings, "alerts")["alerts"]
        return any(each["labels"]["alertname"] == "AlertsNotDelivered" for each in alerts if each["state"] == "firing")

    wait_for(fires, seconds=180)
