"""The SQL shell of `make sql`: reads statements that end with a semicolon, and names of saved queries.

Works on a terminal and on a pipe. `sql_questions` runs each query.
"""

from __future__ import annotations

import readline
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from infra.command_line.sql_questions import answer_question, saved_as_table
from infra.errors import StackError
from infra.local_stack.terminal import Terminal
from pinterest_platform.settings import Settings
from pinterest_platform.stores.saved_queries import saved_queries

_PROMPT, _GOES_ON = "sql> ", "  -> "
_GREETING = (
    "Catalogs: cassandra (the batch), postgresql (the stream). End a statement with ';'. Tab completes the names of "
    "saved queries, 'queries' lists them, Ctrl-C cancels, Ctrl-D exits."
)
_END = {"quit", "exit"}


def converse(settings: Settings, terminal: Terminal) -> int:
    """Runs queries until the input ends; returns 1 if a query from a pipe failed, else 0."""
    failed = False
    signal.signal(signal.SIGINT, signal.default_int_handler)  # Ctrl-C cancels a query, not the shell
    names = ["queries", *saved_queries(settings.saved_queries)]
    with _remembered(settings.state_folder / "sql_history", names):
        if sys.stdin.isatty():
            terminal.line(_GREETING, style="dim")
        for question in _questions(names, terminal):
            if question == "queries":
                terminal.table(saved_as_table(settings))
                continue
            try:
                answer_question(settings, question, terminal)
            except StackError as error:
                failed = True
                terminal.line(str(error), style="red")
            except KeyboardInterrupt:
                terminal.line("Cancelled.")
    return int(failed and not sys.stdin.isatty())


def _questions(names: list[str], terminal: Terminal) -> Iterator[str]:
    """Yields each statement at its semicolon. A line that starts with one of `names` needs no semicolon."""
    lines: list[str] = []
    while True:
        try:
            line = _read(_GOES_ON if lines else _PROMPT).strip()
        except KeyboardInterrupt:
            terminal.line("")
            lines = []
            continue
        except EOFError:
            if lines:
                yield "\n".join(lines)
            return
        if not lines and line.removesuffix(";") in _END:
            return
        if line:
            lines.append(line)
        if line.endswith(";") or (len(lines) == 1 and line.partition(" ")[0] in names):
            yield "\n".join(lines).removesuffix(";")
            lines = []


def _read(prompt: str) -> str:
    return input(prompt if sys.stdin.isatty() else "")


@contextmanager
def _remembered(history: Path, names: list[str]) -> Iterator[None]:
    """Keeps the history of queries in a file, for the arrow keys; Tab completes names."""
    with suppress(OSError):
        readline.read_history_file(history)
    matches: list[str] = []

    def complete(begun: str, number: int) -> str | None:
        if number == 0:
            matches[:] = [name for name in names if name.startswith(begun)]
        return matches[number] if number < len(matches) else None

    readline.set_completer(complete)
    readline.parse_and_bind("tab: complete")
    try:
        yield
    finally:
        with suppress(OSError):
            readline.write_history_file(history)
