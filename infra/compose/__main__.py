"""`python -m infra.compose fetch|configure|provision|run`, for containers of the project's image."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping

from infra.compose.configuration import compose_place, fetch_jars, write_all
from infra.compose.provision import provision
from infra.errors import StackError
from infra.local_stack.environment import python_environment
from infra.local_stack.settings import LocalStackSettings


def fetch(_: list[str]) -> None:
    """Downloads the jars for the image."""
    fetch_jars(LocalStackSettings())


def configure(_: list[str]) -> None:
    """Writes the servers' configuration files."""
    write_all(compose_place(LocalStackSettings()))


def fill(_: list[str]) -> None:
    """Creates roles, databases, tables, the topic, the bucket and pools."""
    provision(compose_place(LocalStackSettings()))


def run(command: list[str]) -> None:
    """Replaces this process with the command, in the environment that the local stack gives its Python processes."""
    os.execvpe(command[0], command, {**os.environ, **python_environment(compose_place(LocalStackSettings()))})  # noqa: S606


WORK: Mapping[str, Callable[[list[str]], None]] = {
    "fetch": fetch,
    "configure": configure,
    "provision": fill,
    "run": run,
}


def main(arguments: list[str] | None = None) -> int:
    """Runs one service; returns 1 with a message on standard error if something is missing, else 0."""
    parser = argparse.ArgumentParser(prog="python -m infra.compose", description=__doc__)
    parser.add_argument("work", choices=WORK)
    parser.add_argument("command", nargs=argparse.REMAINDER, help="the command for `run`")
    parsed = parser.parse_args(arguments)
    try:
        WORK[parsed.work](parsed.command)
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
