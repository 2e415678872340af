"""The whole platform, run like a user does: `python -m infra.command_line`, on the tests' ports and folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from infra.local_stack.stack import LocalStack
from pinterest_platform_tests.conftest import STATE_FOLDER, TEST_SETTINGS

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def command(test_stack: LocalStack) -> Iterator[Command]:
    """Runs a command of the local stack to its end; the platform is empty at first and stopped afterwards."""
    test_stack.stop()
    for server in ("kafka", "cassandra", "s3", "postgres"):
        shutil.rmtree(STATE_FOLDER / server, ignore_errors=True)

    def run(*arguments: str, expect: int = 0) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, **TEST_SETTINGS.environment()}
        line = [sys.executable, "-m", "infra.command_line", *arguments]
        done = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=420, check=False)
        assert done.returncode == expect, done.stdout + done.stderr
        return done

    yield run
    test_stack.stop()
