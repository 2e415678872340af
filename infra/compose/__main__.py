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
    """Download the jars that the image keeps."""
    fetch_jars(LocalStackSettings())


def configure(_: list[str]) -> None:
    """Write the servers' configuration files."""
    write_all(compose_place(LocalStackSettings()))


def fill(_: list[str]) -> None:
    """Make roles, databases, tables, the topic, the bucket and pools."""
    provision(compose_place(LocalStackSettings()))


def run(command: list[str]) -> None:
    """Become this command, with the environment that the local stack gives to the platform's own processes."""
    os.execvpe(command[0], command, {**os.environ, **python_environment(compose_place(LocalStackSettings()))})  # noqa: S606


WORK: Mapping[str, Callable[[list[str]], None]] = {
    "fetch": fetch,
    "configure": configure,
    "provision": fill,
    "run": run,
}


def main(arguments: list[str] | None = None) -> int:
    """Exit code 1 with a sentence where something is missing."""
    parser = argparse.ArgumentParser(prog="python -m infra.compose", description=__doc__)
    parser.add_argument("work", choices=WORK)
    parser.add_argument("command", nargs=argparse.REMAINDER, help="of `run`")
    parsed = parser.parse_args(arguments)
    try:
        WORK[parsed.work](parsed.command)
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
