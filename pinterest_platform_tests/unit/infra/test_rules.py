"""Prometheus accepts the alert rules, and the rules pass their own tests."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

import pytest
import yaml

from infra.local_stack.artifacts import INFRA
from infra.local_stack.monitoring import fetch_monitoring, find_monitoring
from infra.local_stack.settings import LocalStackSettings
from infra.local_stack.terminal import Terminal

RULES = sorted((INFRA / "prometheus" / "rules").glob("*.yml"))
TESTS = sorted((INFRA / "prometheus" / "rules_tests").glob("*.yml"))


@pytest.fixture(scope="module")
def promtool(settings: LocalStackSettings) -> Path:
    said = io.StringIO()
    fetch_monitoring(settings, Terminal(said))
    programs = find_monitoring(settings)
    assert programs is not None, said.getvalue()
    return programs.promtool


def alerts() -> list[dict[str, dict[str, str]]]:
    groups = [group for file in RULES for group in yaml.safe_load(file.read_text())["groups"]]
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]


def test_promtool_accepts_the_rules_and_their_tests_pass(promtool: Path) -> None:
    for verb, files in (("check", RULES), ("test", TESTS)):
        command = [str(promtool), verb, "rules", *map(str, files)]
        finished = subprocess.run(command, capture_output=True, text=True, check=False)
        assert finished.returncode == 0, finished.stdout + finished.stderr


def test_every_file_of_rules_has_tests() -> None:
    assert [file.name for file in RULES] == [file.name for file in TESTS]


def test_every_alert_says_how_bad_it_is_what_is_wrong_and_what_to_do() -> None:
    for alert in alerts():
        assert alert["labels"]["severity"] in {"critical", "warning"}, alert
        assert alert["annotations"].keys() == {"summary", "description", "runbook_url"}, alert
