from __future__ import annotations

import io
import os
import subprocess
import time
from pathlib import Path

import pytest

from infra.local_stack.apt import RECORD, record, unpack
from infra.local_stack.java_home import WHEEL, fetch_java, find_java, relocated
from infra.local_stack.settings import LocalStackSettings
from infra.local_stack.terminal import Terminal

HOME = "usr/lib/jvm/java-17-openjdk-amd64"


@pytest.fixture
def bare_system(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> LocalStackSettings:
    """No apt, an empty cache."""
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    return LocalStackSettings(artifact_cache=tmp_path / "cache")


def cached(settings: LocalStackSettings, version: str) -> Path:
    home = settings.artifact_cache / "unpacked" / f"openjdk-{version}" / HOME
    home.mkdir(parents=True)
    return home


def test_without_apt_the_wheels_java_is_used_and_the_stack_says_so(bare_system: LocalStackSettings) -> None:
    said = io.StringIO()

    fetch_java(bare_system, Terminal(said))

    assert find_java(bare_system) == WHEEL
    assert "this system has no apt-get and dpkg-deb" in said.getvalue()
    assert "Java 17.0.9 is used instead" in said.getvalue()


def test_after_a_refusal_a_start_asks_again_only_the_next_day(bare_system: LocalStackSettings) -> None:
    first, at_once, set_up, next_day = (io.StringIO() for _ in range(4))

    fetch_java(bare_system, Terminal(first))
    fetch_java(bare_system, Terminal(at_once))
    fetch_java(bare_system, Terminal(set_up), newer=True)
    yesterday = time.time() - 25 * 3600
    os.utime(bare_system.artifact_cache / "unpacked" / "openjdk.asked", (yesterday, yesterday))
    fetch_java(bare_system, Terminal(next_day))

    assert [bool(said.getvalue()) for said in (first, at_once, set_up, next_day)] == [True, False, True, True]


def test_the_newest_java_of_the_cache_is_used(bare_system: LocalStackSettings) -> None:
    cached(bare_system, "17.0.9-2-1-deb12u1")
    newest = cached(bare_system, "17.0.21.1-2-1-deb12u1")
    said = io.StringIO()

    fetch_java(bare_system, Terminal(said))

    assert find_java(bare_system) == newest
    assert said.getvalue() == ""


def test_a_java_that_was_set_by_hand_is_used(bare_system: LocalStackSettings, tmp_path: Path) -> None:
    cached(bare_system, "17.0.21.1-2-1-deb12u1")
    own = bare_system.model_copy(update={"java_home": tmp_path})

    assert find_java(own) == tmp_path


def test_unpacked_links_lead_to_the_configuration_beside_java(tmp_path: Path) -> None:
    """Debian's package links to /etc, where nothing is unless it is installed."""
    content = tmp_path / "content"
    for name, text in {f"{HOME}/bin/java": "program", "etc/java-17-openjdk/security/java.security": "rules"}.items():
        (content / name).parent.mkdir(parents=True, exist_ok=True)
        (content / name).write_text(text)
    (content / HOME / "conf" / "security").mkdir(parents=True)
    (content / HOME / "conf/security/java.security").symlink_to("/etc/java-17-openjdk/security/java.security")
    (content / HOME / "lib").mkdir()
    (content / HOME / "lib" / "cacerts").symlink_to("/etc/ssl/certs/java/cacerts")
    control = "Package: java\nVersion: 17.0.1+1\nArchitecture: all\nMaintainer: a <a@example.org>\nDescription: a\n"
    (content / "DEBIAN").mkdir()
    (content / "DEBIAN" / "control").write_text(control)
    package = tmp_path / "java_17.0.1+1_all.deb"
    subprocess.run(["dpkg-deb", "--build", content, package], check=True, capture_output=True)
    unpacked = tmp_path / "unpacked"
    unpacked.mkdir()

    unpack(package, unpacked, relocated)
    record(tmp_path, unpacked)

    linked = unpacked / HOME / "conf/security/java.security"
    assert linked.is_symlink()
    assert linked.resolve() == unpacked / "etc/java-17-openjdk/security/java.security"
    assert not (unpacked / HOME / "lib" / "cacerts").is_symlink()
    assert (unpacked / RECORD).read_text().endswith("  java_17.0.1+1_all.deb\n")
