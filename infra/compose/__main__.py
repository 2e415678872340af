"""`python -m infra.compose configure|provision`, run by containers of the project's image."""

from __future__ import annotations

import argparse
import sys

from infra.compose.configuration import compose_place, fetch_jars, write_all
from infra.compose.provision import provision
from infra.local_stack.errors import StackError
from pinterest_platform.settings import Settings


def main(arguments: list[str] | None = None) -> int:
    """Exit code 1 with a sentence where something is missing."""
    parser = argparse.ArgumentParser(prog="python -m infra.compose")
    parser.add_argument("work", choices=["fetch", "configure", "provision"])
    work = parser.parse_args(arguments).work
    try:
        if work == "fetch":
            fetch_jars(Settings())
        else:
            place = compose_place(Settings())
            write_all(place) if work == "configure" else provision(place)
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
