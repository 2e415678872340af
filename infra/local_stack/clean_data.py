"""`make clean-data`: removes all data of a stack, after asking."""

from __future__ import annotations

import shutil
import sys

from infra.errors import StackError
from infra.local_stack.servers.postgres import home_of
from infra.local_stack.stack import LocalStack
from infra.local_stack.terminal import Terminal


def clean_data(stack: LocalStack, terminal: Terminal, *, ask: bool) -> None:
    """Removes the state folder, and PostgreSQL's data if that is elsewhere.

    Raises:
        StackError: the stack is running, or `ask` is true and there is no terminal to ask on.
    """
    if stack.is_running():
        raise StackError("The stack is running. Stop it first: make stop")
    folders = [folder for folder in (stack.place.state, home_of(stack.place).data.parent) if folder.exists()]
    places = " and ".join(str(folder) for folder in folders)
    if ask and not _says_yes(f"Remove all data, logs and secrets in {places}? [y/N] "):
        terminal.line("Nothing was removed.")
        return
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
    terminal.line(f"Removed {places}.")


def _says_yes(question: str) -> bool:
    if not sys.stdin.isatty():
        raise StackError(
            "There is no terminal for the confirmation. To remove all data without it, run "
            "`python -m infra.command_line clean-data --yes`."
        )
    return input(question).strip().lower() in {"y", "yes"}
