"""`python -m infra.compose serve SERVICE`, `healthy SERVICE` or `provision`, in the containers."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping

from infra.compose.containers import DESCRIPTIONS, PROVISION, place_of
from infra.compose.provision import provision
from infra.compose.serve import serve
from infra.errors import StackError
from infra.local_stack.settings import LocalStackSettings


def _healthy(service: str) -> int:
    """Checks a server that has no port, as the local stack does."""
    problem = DESCRIPTIONS[service](place_of(service, LocalStackSettings())).problem()
    print(problem or "healthy")
    return int(problem is not None)


def _provision(_: str) -> int:
    """Creates roles, databases, tables, the topic and the bucket."""
    provision(place_of(PROVISION, LocalStackSettings()))
    return 0


WORK: Mapping[str, Callable[[str], int]] = {
    "serve": serve,
    "healthy": _healthy,
    "provision": _provision,
}


def main(arguments: list[str] | None = None) -> int:
    """Does the work; returns 1 with a message on standard error if something is missing."""
    parser = argparse.ArgumentParser(prog="python -m infra.compose", description=__doc__)
    parser.add_argument("work", choices=WORK)
    parser.add_argument("name", nargs="?", default="", help="of the service")
    parsed = parser.parse_args(arguments)
    try:
        return WORK[parsed.work](parsed.name)
    except StackError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
