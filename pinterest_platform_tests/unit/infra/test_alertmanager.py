from __future__ import annotations

import io
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretStr, ValidationError

from infra.command_line.__main__ import main
from infra.local_stack.alertmanager_package import look_in_the_working_folder
from infra.local_stack.artifacts import INFRA
from infra.local_stack.monitoring import fetch_monitoring, find_monitoring
from infra.local_stack.place import make_place
from infra.local_stack.servers.alertmanager import write_configuration
from infra.local_stack.settings import LocalStackSettings
from infra.local_stack.terminal import Terminal

MAIL: dict[str, Any] = {
    "alert_mail_smarthost": "mail.example.org:587",
    "alert_mail_from": "platform@example.org",
    "alert_mail_to": "ada@example.org",
}


def written(folder: Path, **settings: Any) -> Path:
    place = make_place(LocalStackSettings(state_folder=folder, **settings))
    write_configuration(place)
    return folder / "alertmanager" / "alertmanager.yml"


def receiver(file: Path) -> dict[str, Any]:
    [people] = yaml.safe_load(file.read_text())["receivers"]
    return dict(people)


def test_nobody_is_told_unless_it_is_set(tmp_path: Path) -> None:
    assert receiver(written(tmp_path)) == {"name": "people", "webhook_configs": [], "email_configs": []}


def test_what_is_set_is_written_for_its_owner_only(tmp_path: Path) -> None:
    secrets = {"alert_mail_user": "ada", "alert_mail_password": "pass'\": ${wait} ü😀"}
    file = written(tmp_path, alert_webhook_url="https://example.org/alerts?token=1", **MAIL, **secrets)

    [webhook], [mail] = receiver(file)["webhook_configs"], receiver(file)["email_configs"]
    assert webhook == {"url": "https://example.org/alerts?token=1", "send_resolved": True}
    assert (mail["smarthost"], mail["from"], mail["to"]) == tuple(MAIL.values())
    assert (mail["auth_username"], mail["auth_password"]) == tuple(secrets.values())
    assert mail["require_tls"]
    assert file.stat().st_mode & 0o777 == 0o600


def test_alertmanagers_own_tool_accepts_the_configuration(settings: LocalStackSettings, tmp_path: Path) -> None:
    said = io.StringIO()
    fetch_monitoring(settings, Terminal(said))
    programs = find_monitoring(settings)
    assert programs is not None, said.getvalue()
    assert programs.alertmanager is not None, said.getvalue()
    assert programs.alertmanager.amtool is not None
    file = written(tmp_path, alert_webhook_url="http://127.0.0.1:1/", **MAIL)

    command = [str(programs.alertmanager.amtool), "check-config", str(file)]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)

    assert finished.returncode == 0, finished.stdout + finished.stderr


def test_every_alert_that_explains_another_and_is_explained_exists() -> None:
    rules = "".join(file.read_text() for file in (INFRA / "prometheus" / "rules").glob("*.yml"))
    alerts = set(re.findall(r"- alert: (\w+)", rules))
    matchers = re.findall(r'alertname=~?"([\w|]+)"', (INFRA / "alertmanager" / "alertmanager.yml").read_text())

    assert matchers
    assert {name for names in matchers for name in names.split("|")} - alerts == set()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"alert_webhook_url": "example.org/alerts"}, "PINTEREST_ALERT_WEBHOOK_URL has to begin with http"),
        ({"alert_webhook_url": "https://"}, "PINTEREST_ALERT_WEBHOOK_URL has to begin with http"),
        ({"alert_mail_to": "ada@example.org"}, "without PINTEREST_ALERT_MAIL_SMARTHOST, PINTEREST_ALERT_MAIL_FROM"),
        ({"alert_mail_password": "hidden"}, "Alerts cannot be mailed without PINTEREST_ALERT_MAIL_SMARTHOST"),
        ({**MAIL, "alert_mail_smarthost": "mail.example.org"}, "SMARTHOST has to be host:port"),
        ({**MAIL, "alert_mail_to": "ada@example.org, bob"}, "have to be mail addresses"),
        ({**MAIL, "alert_mail_user": "ada"}, "Set both of PINTEREST_ALERT_MAIL_USER and"),
    ],
)
def test_a_setting_that_cannot_work_says_what_to_do(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words) as error:
        LocalStackSettings(**wrong)

    assert "hidden" not in str(error.value)


def test_a_command_shows_it_as_a_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("PINTEREST_ALERT_WEBHOOK_URL", "nowhere")
    monkeypatch.setattr("infra.command_line.__main__.signal.signal", lambda *_: None)

    assert main(["start"]) == 1

    assert capsys.readouterr().out == "PINTEREST_ALERT_WEBHOOK_URL has to begin with http:// or https://, and a host.\n"


def test_settings_of_alerts_survive_the_way_to_a_child_process() -> None:
    settings = LocalStackSettings(
        **MAIL, alert_mail_user="ada", alert_mail_password=SecretStr("hidden"), alert_mail_tls=False
    )

    assert LocalStackSettings.of(settings.environment()) == settings
    assert "hidden" not in repr(settings)


def test_debians_program_looks_for_its_templates_where_it_is_started(tmp_path: Path) -> None:
    program = tmp_path / "usr" / "bin" / "prometheus-alertmanager"
    program.parent.mkdir(parents=True)
    program.write_bytes(b"a/usr/share/prometheus/alertmanagerb/usr/share/prometheus/alertmanager/ui/c")

    look_in_the_working_folder(tmp_path)

    folder = b"./" * 17
    assert program.read_bytes() == b"a" + folder + b"b/usr/share/prometheus/alertmanager/ui/c"
