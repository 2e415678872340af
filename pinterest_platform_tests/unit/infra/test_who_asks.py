"""The commands find the running stack whoever calls them: with another HOME, other settings, or as another user."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from infra.local_stack.artifacts import INFRA
from infra.local_stack.environment import kept_settings, write_environment
from infra.local_stack.pid_file import write_pid_file
from infra.local_stack.place import RUN, make_place
from infra.local_stack.settings import LocalStackSettings
from infra.local_stack.stack import LocalStack

NOBODY = 65534
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")


@pytest.fixture
def running(tmp_path: Path) -> Iterator[LocalStackSettings]:
    """A stack that was started with a port and a cache of its own; of its servers, one process stands for Kafka."""
    settings = LocalStackSettings(
        state_folder=tmp_path / "state",
        artifact_cache=tmp_path / "cache",
        ingest_port=18123,
        s3_secret_key=SecretStr("its own"),
        spark_options={"spark.a": "b c"},
        kafka_user=None,
    )
    place = make_place(settings)
    write_environment(place)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        write_pid_file(place.run_folder, "kafka", process.pid, "127.0.0.1:9092")
        yield place.settings
        process.kill()


# Becomes the other user only once everything is imported: the interpreter may lie where that user cannot go.
AS_NOBODY = f"""
import os, sys
from infra.command_line.__main__ import main
os.setgroups([]), os.setgid({NOBODY}), os.setuid({NOBODY})
sys.exit(main(sys.argv[1:]))
"""


def ask_as_nobody(command: str, state: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PINTEREST_STATE_FOLDER": str(state), "PYTHONPATH": str(INFRA.parent)}
    line = [sys.executable, "-c", AS_NOBODY, command]
    return subprocess.run(line, env=environment, cwd="/", capture_output=True, text=True, check=False)


def test_settings_that_were_written_read_the_same(running: LocalStackSettings) -> None:
    assert kept_settings(running.state_folder) == running


def test_another_home_and_another_shell_ask_the_stack_that_runs(
    running: LocalStackSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PINTEREST_STATE_FOLDER", str(running.state_folder))
    monkeypatch.setenv("PINTEREST_INGEST_PORT", "8000")
    monkeypatch.setenv("PINTEREST_KAFKA_USER", "somebody")
    monkeypatch.setenv("PINTEREST_ARTIFACT_CACHE", str(tmp_path / "another home"))

    assert LocalStack.as_it_runs().settings == running


def test_what_does_not_run_has_the_settings_of_the_shell(
    running: LocalStackSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    (running.state_folder / RUN / "kafka.json").unlink()
    monkeypatch.setenv("PINTEREST_STATE_FOLDER", str(running.state_folder))
    monkeypatch.setenv("PINTEREST_INGEST_PORT", "18999")

    assert LocalStack.as_it_runs().settings.ingest_port == 18999


@pytest.fixture
def reachable() -> Iterator[Path]:
    """A folder that every user reaches, which pytest's own are not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@AS_ROOT
def test_another_user_sees_what_runs_and_whom_to_ask(reachable: Path) -> None:
    place = make_place(LocalStackSettings(state_folder=reachable / "state"))
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        write_pid_file(place.run_folder, "kafka", process.pid, "127.0.0.1:9092")

        status = ask_as_nobody("status", place.state)
        stop = ask_as_nobody("stop", place.state)
        process.kill()

    assert status.returncode == 0, status.stderr
    assert "kafka" in status.stdout
    assert str(process.pid) in status.stdout
    assert "127.0.0.1:9092" in status.stdout
    assert "belongs to root" in status.stdout
    assert stop.returncode == 1
    assert stop.stdout.startswith(f"The stack in {place.state} belongs to root")
    assert "Traceback" not in stop.stderr


@AS_ROOT
@pytest.mark.parametrize("command", ["status", "stop"])
def test_a_folder_that_cannot_be_made_is_a_sentence(reachable: Path, command: str) -> None:
    asked = ask_as_nobody(command, reachable / "state")

    assert asked.returncode == 1
    assert f"{reachable / 'state'} cannot be written by this user" in asked.stdout
    assert "Traceback" not in asked.stderr


@AS_ROOT
def test_a_folder_that_another_user_cannot_enter_is_a_sentence(tmp_path: Path) -> None:
    place = make_place(LocalStackSettings(state_folder=tmp_path / "state"))

    status = ask_as_nobody("status", place.state)

    assert status.returncode == 1
    assert "Traceback" not in status.stderr
    assert "You may not read" in status.stdout
