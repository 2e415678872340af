"""The servers of the benchmarks, on ports of their own."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.local_stack.clean_data import clean_data
from infra.local_stack.settings import LocalStackSettings
from infra.local_stack.stack import LocalStack
from infra.local_stack.terminal import Terminal
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
    _end_and_empty(settings)  # what a run that was killed has left
    stack = LocalStack(settings)
    try:
        stack.start(servers)
        yield stack.settings
    finally:
        _end_and_empty(settings)


def _end_and_empty(settings: LocalStackSettings) -> None:
    stack = LocalStack(settings)
    stack.stop()
    clean_data(stack, Terminal(io.StringIO()), ask=False)
