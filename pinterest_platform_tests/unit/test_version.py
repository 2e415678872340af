"""The version is told alike everywhere."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from pathlib import Path

from ingest_api.application import create_app
from ingest_api.metrics import IngestMetrics
from pinterest_platform.settings import Settings
from pinterest_platform_tests.support.memory_publisher import MemoryPublisher

ROOT = Path(__file__).resolve().parents[2]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def test_the_changelog_begins_with_this_version() -> None:
    chapters = re.findall(r"^## \[(.+)\] - ", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert chapters[0] == VERSION


def test_the_lock_has_this_version() -> None:
    packages = tomllib.loads((ROOT / "uv.lock").read_text())["package"]

    assert [package["version"] for package in packages if package["name"] == "pinterest-platform"] == [VERSION]


def test_the_ingest_api_tells_the_installed_version() -> None:
    told = create_app(Settings(), MemoryPublisher(), IngestMetrics()).openapi()["info"]["version"]

    assert told == metadata.version("pinterest-platform")
