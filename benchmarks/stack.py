"""The servers of the benchmarks, on ports of their own."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.local_stack.settings import LocalStackSettings
from infra.local_stack.stack import LocalStack
from pinterest_platform_tests.support.ports import ports_from, with_ports

STATE_FOLDER = Path(".state/benchmarks")
# Beside a stack that a person has started, and beside the tests'.
BENCHMARK_SETTINGS = with_ports(
    LocalStackSettings(monitoring=False, state_folder=STATE_FOLDER),  # what monitoring costs is measured by itself
    ports_from(26000),
)


@contextmanager
def running(
    servers: Iterable[str] | None, settings: LocalStackSettings = BENCHMARK_SETTINGS
) -> Iterator[LocalStackSettings]:
    """These servers (None: all), empty and healthy; stopped and emptied at the end. Gives what clients connect with."""
    LocalStack(settings).stop()  # what a run that was killed has left
    shutil.rmtree(STATE_FOLDER, ignore_errors=True)
    stack = LocalStack(settings)
    try:
        stack.start(servers)
        yield stack.settings
    finally:
        stack.stop()
        shutil.rmtree(STATE_FOLDER, ignore_errors=True)
