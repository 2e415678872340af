"""`python -m infra.command_line`: the edge, where errors become a sentence and an exit code.

Belongs here: arguments, signals, exit codes. Does not belong here: work.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TypeAlias

from infra.command_line.known_days import read_day
from infra.command_line.monitoring_state import what_monitoring_says
from infra.command_line.status import as_table, explain_outside, is_another_users, look, look_from_outside
from infra.errors import StackError
from infra.local_stack.artifacts import LOCK_FILE, read_lock, write_lock
from infra.local_stack.class_archive import make_class_archive
from infra.local_stack.clean_data import clean_data
from infra.local_stack.monitoring import fetch_monitoring
from infra.local_stack.place import LOOPBACK, with_artifacts
from infra.local_stack.settings import LocalStackSettings
from infra.local_stack.setup import fetch_artifacts
from infra.local_stack.stack import LocalStack
from infra.local_stack.terminal import Terminal
from pinterest_platform.pins.calendar import today

INTERRUPTED = 130  # as a shell reports Ctrl-C

Work: TypeAlias = Callable[[argparse.Namespace, Terminal], int]


def run(_: argparse.Namespace, terminal: Terminal) -> int:
    """Set up, start everything, do the main job; everything stays up."""
    from infra.command_line.main_job import run_main_job

    stack = LocalStack(terminal=terminal)
    stack.start()
    try:
        return run_main_job(stack.settings, terminal)
    except KeyboardInterrupt:
        terminal.line("The platform is up and stays up until make stop.")
        raise


def history(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Start what does not run, and fill days before today with pins, for backfills and demos."""
    from infra.command_line.history import first_day_of_history, make_history

    stack = LocalStack(terminal=terminal)
    first_day_of_history(stack.settings, arguments.days, today())  # what cannot be made starts nothing
    stack.start()
    return make_history(stack.settings, arguments.days, arguments.pins, terminal)


def backfill(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Run days through the batch again on the running stack; exit code 1 when one fails."""
    from infra.command_line.backfill import backfill

    if not arguments.first:
        raise StackError("Which days? Write: make backfill FROM=2026-11-01 TO=2026-11-30 (TO may be left out).")
    first = read_day(arguments.first)
    last = read_day(arguments.last) if arguments.last else first
    return backfill(LocalStack.as_it_runs(terminal).settings, first, last, terminal)


def check_assets(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Run every asset check of a day on the running stack; exit code 1 when one fails."""
    from infra.command_line.asset_checks import check_assets

    return check_assets(LocalStack.as_it_runs(terminal).settings, read_day(arguments.day), terminal)


def sql(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Ask both layers through Presto: one question (SQL, or a saved query and its values), or a conversation."""
    from infra.command_line.sql_questions import answer_question
    from infra.command_line.sql_shell import converse

    settings = LocalStack.as_it_runs(terminal).settings
    if not arguments.question:
        return converse(settings, terminal)
    answer_question(settings, arguments.question, terminal)
    return 0


def setup(_: argparse.Namespace, terminal: Terminal) -> int:
    """Download what the servers run on."""
    lock = read_lock()
    settings = with_artifacts(LocalStackSettings(), lock)
    fetch_artifacts(lock, settings.artifact_cache, terminal)
    fetch_monitoring(settings, terminal)
    make_class_archive(settings, terminal)
    return 0


def start(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Start servers that do not run, wait until they are healthy; they stay up."""
    LocalStack(terminal=terminal).start(arguments.servers or None)
    return 0


def stop(_: argparse.Namespace, terminal: Terminal) -> int:
    """Stop everything of this stack, in reverse order."""
    stack = LocalStack.as_it_runs(terminal)
    if not stack.is_running():
        terminal.line("Nothing is running.")
    stack.stop()
    return 0


def status(_: argparse.Namespace, terminal: Terminal) -> int:
    """Show what runs, its memory and its log; exit code 1 unless all is healthy, monitoring aside."""
    state = LocalStackSettings().state_folder.resolve()
    if is_another_users(state):
        return _status_from_outside(state, terminal)
    stack = LocalStack.as_it_runs(terminal)
    from infra.command_line.stream_status import look_at_stream  # Kafka's and PostgreSQL's clients, for who may ask

    statuses = look(stack)
    runs = any(status.is_needed and status.pid for status in statuses)
    stream = look_at_stream(stack.settings) if runs else None
    terminal.table(as_table(statuses, stream))
    for warning in what_monitoring_says(stack.settings, statuses):
        terminal.warn(warning)
    return int(any(status.is_a_problem for status in statuses) or bool(stream and stream.is_a_problem))


def _status_from_outside(state: Path, terminal: Terminal) -> int:
    statuses = look_from_outside(state)
    if statuses:
        terminal.table(as_table(statuses))
    terminal.warn(explain_outside(state))
    return int(not statuses)


def clean(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Remove all data of this stack, after asking."""
    clean_data(LocalStack(terminal=terminal), terminal, ask=not arguments.yes)
    return 0


def lock(_: argparse.Namespace, terminal: Terminal) -> int:
    """For developers: resolve the POMs with Maven into infra/artifacts.lock."""
    from infra.local_stack.resolve import resolve

    resolved = resolve()
    write_lock(resolved)
    terminal.line(f"{sum(map(len, resolved.values()))} artifacts written to {LOCK_FILE}")
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; 0 is success, 1 a failure that was explained, 130 an interruption."""
    _trust_loopback()
    parsed = _parser().parse_args(arguments)
    terminal = Terminal()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt_once)
    work: Work = parsed.work
    try:
        return work(parsed, terminal)
    except StackError as error:
        terminal.line(str(error), style="red")
        return 1
    except KeyboardInterrupt:
        terminal.line("Interrupted.")
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.command_line", description="The servers on this machine.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, work: Work) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=work.__doc__, description=work.__doc__)
        command.set_defaults(work=work)
        return command

    add("run", run)
    past = add("history", history)
    past.add_argument("--days", type=_positive, default=3, help="before today; default: 3")
    past.add_argument("--pins", type=_positive, default=1_000, help="a day; default: 1000")
    days = add("backfill", backfill)
    days.add_argument("first", help="YYYY-MM-DD")
    days.add_argument("last", nargs="?", help="YYYY-MM-DD; default: the first day alone")
    add("check-assets", check_assets).add_argument("day", help="YYYY-MM-DD")
    add("sql", sql).add_argument("question", nargs="?", help="default: a command line")
    add("setup", setup)
    add("start", start).add_argument("servers", nargs="*", help="with what they depend on; default: all")
    add("stop", stop)
    add("status", status)
    add("clean-data", clean).add_argument("--yes", action="store_true", help="do not ask")
    add("lock", lock)
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 on")
    return int(text)


def _interrupt_once(_: int, __: FrameType | None) -> None:
    """Ctrl-C and SIGTERM begin the same clean end, and a second one does not disturb it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


def _trust_loopback() -> None:
    """A proxy for the outside world must not be asked about this machine."""
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = ",".join(filter(None, [os.environ.get(name), LOOPBACK, "localhost"]))


if __name__ == "__main__":
    sys.exit(main())
