"""The conversation of `make sql`: statements that end with a semicolon, and saved queries by their names.

Belongs here: reading from a person or a pipe until the end. Does not belong here: what one question does (`questions`).
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
    "Catalogs: cassandra (the batch), postgresql (the stream). End a statement with ';'. Tab completes saved queries, "
    "'queries' lists them, Ctrl-C cancels, Ctrl-D ends."
)
_END = {"quit", "exit"}


def converse(settings: Settings, terminal: Terminal) -> int:
    """Answer questions until the end of the input; returns 1 where a question from a pipe had no answer."""
    failed = False
    signal.signal(signal.SIGINT, signal.default_int_handler)  # here Ctrl-C cancels a query, any number of times
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
    """Each statement as soon as its semicolon comes; what begins with one of the names is a line and needs none."""
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
    """Arrow keys find earlier questions, of earlier days too; the tabulator completes names."""
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
