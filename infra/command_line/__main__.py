"""`python -m infra.command_line`: arguments, signals and exit codes of the `make` commands.

A `StackError` becomes a message and exit code 1. The work itself is in the other modules.
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

from pydantic import ValidationError

from infra.command_line.known_days import read_day
from infra.command_line.monitoring_state import what_monitoring_says
from infra.command_line.status import as_table, explain_outside, is_another_users, look, look_from_outside
from infra.errors import StackError
from infra.local_stack.artifacts import LOCK_FILE, read_lock, write_lock
from infra.local_stack.class_archive import make_class_archive
from infra.local_stack.clean_data import clean_data
from infra.local_stack.java_home import fetch_java
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
    """Set up and start everything, then run the main job; the servers keep running."""
    from infra.command_line.main_job import run_main_job

    stack = LocalStack(terminal=terminal)
    stack.start()
    try:
        return run_main_job(stack.settings, terminal)
    except KeyboardInterrupt:
        terminal.line("The platform keeps running. Stop it with make stop.")
        raise


def history(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Start the stack if necessary and fill past days with pins, for backfills and demos."""
    from infra.command_line.history import first_day_of_history, make_history

    stack = LocalStack(terminal=terminal)
    first_day_of_history(stack.settings, arguments.days, today())  # refuse before any server starts
    stack.start()
    return make_history(stack.settings, arguments.days, arguments.pins, terminal)


def backfill(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Run days through the batch again on the running stack; exit code 1 if a day fails."""
    from infra.command_line.backfill import backfill

    if not arguments.first:
        raise StackError("Which days? For example: make backfill FROM=2026-11-01 TO=2026-11-30 (TO is optional).")
    first = read_day(arguments.first)
    last = read_day(arguments.last) if arguments.last else first
    return backfill(LocalStack.as_it_runs(terminal).settings, first, last, terminal)


def check_assets(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Run every asset check of a day on the running stack; exit code 1 if a check fails."""
    from infra.command_line.asset_checks import check_assets

    return check_assets(LocalStack.as_it_runs(terminal).settings, read_day(arguments.day), terminal)


def accept_topic(_: argparse.Namespace, terminal: Terminal) -> int:
    """Go on with a topic that was recreated, or with another Kafka cluster, as a new epoch of both layers."""
    from infra.command_line.accept_topic import accept_topic

    return accept_topic(LocalStack.as_it_runs(terminal).settings, terminal)


def sql(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Query both layers through Presto: one query (SQL, or a saved query with its values), or an SQL shell."""
    from infra.command_line.sql_questions import answer_question
    from infra.command_line.sql_shell import converse

    settings = LocalStack.as_it_runs(terminal).settings
    if not arguments.question:
        return converse(settings, terminal)
    answer_question(settings, arguments.question, terminal)
    return 0


def setup(_: argparse.Namespace, terminal: Terminal) -> int:
    """Download the servers and prepare Java for Spark, without starting anything."""
    lock = read_lock()
    fetch_java(LocalStackSettings(), terminal, newer=True)
    settings = with_artifacts(LocalStackSettings(), lock)
    fetch_artifacts(lock, settings.artifact_cache, terminal)
    fetch_monitoring(settings, terminal)
    make_class_archive(settings, terminal)
    return 0


def start(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Start the servers that are not running and wait until they are healthy; they keep running."""
    LocalStack(terminal=terminal).start(arguments.servers or None)
    return 0


def stop(_: argparse.Namespace, terminal: Terminal) -> int:
    """Stop every process of this stack, in reverse order."""
    stack = LocalStack.as_it_runs(terminal)
    if not stack.is_running():
        terminal.line("Nothing is running.")
    stack.stop()
    return 0


def status(_: argparse.Namespace, terminal: Terminal) -> int:
    """Show each server's state, memory and log; exit code 1 if one that the platform needs is not healthy."""
    state = LocalStackSettings().state_folder.resolve()
    if is_another_users(state):
        return _status_from_outside(state, terminal)
    stack = LocalStack.as_it_runs(terminal)
    from infra.command_line.stream_status import look_at_stream  # its clients take long to import

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
    """For developers: resolve the POMs with Maven and write infra/artifacts.lock."""
    from infra.local_stack.resolve import resolve

    resolved = resolve()
    write_lock(resolved)
    terminal.line(f"{sum(map(len, resolved.values()))} artifacts written to {LOCK_FILE}")
    return 0


def outdated(_: argparse.Namespace, terminal: Terminal) -> int:
    """For developers: show which packages and artifacts have newer versions, and why some are held back."""
    from infra.dependencies.outdated import show_outdated

    show_outdated(LocalStackSettings(), terminal)
    return 0


def sbom(_: argparse.Namespace, terminal: Terminal) -> int:
    """For developers: write a bill of materials (CycloneDX, JSON) of Python packages and servers."""
    from infra.dependencies.sbom import FILE, write_sbom

    count = write_sbom(LocalStackSettings())
    terminal.line(f"{count} components written to {FILE}")
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Runs one command and returns its exit code: 0 success, 1 an explained failure, 130 an interruption."""
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
    except ValidationError as error:  # of the settings
        for problem in error.errors():
            terminal.line(problem["msg"].removeprefix("Value error, "), style="red")
        return 1
    except KeyboardInterrupt:
        terminal.line("Interrupted.")
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.command_line", description="The local stack.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, work: Work) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=work.__doc__, description=work.__doc__)
        command.set_defaults(work=work)
        return command

    add("run", run)
    past = add("history", history)
    past.add_argument("--days", type=_positive, default=3, help="how many days before today; default: 3")
    past.add_argument("--pins", type=_positive, default=1_000, help="pins per day; default: 1000")
    days = add("backfill", backfill)
    days.add_argument("first", help="YYYY-MM-DD")
    days.add_argument("last", nargs="?", help="YYYY-MM-DD; default: only the first day")
    add("check-assets", check_assets).add_argument("day", help="YYYY-MM-DD")
    add("accept-topic", accept_topic)
    add("sql", sql).add_argument("question", nargs="?", help="SQL or the name of a saved query; default: an SQL shell")
    add("setup", setup)
    add("start", start).add_argument("servers", nargs="*", help="these and the ones they depend on; default: all")
    add("stop", stop)
    add("status", status)
    add("clean-data", clean).add_argument("--yes", action="store_true", help="do not ask for confirmation")
    add("lock", lock)
    add("outdated", outdated)
    add("sbom", sbom)
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    return int(text)


def _interrupt_once(_: int, __: FrameType | None) -> None:
    """Ends cleanly on Ctrl-C or SIGTERM; a second signal is ignored, so that the clean-up completes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


def _trust_loopback() -> None:
    """Keeps requests to this machine from going through a proxy."""
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = ",".join(filter(None, [os.environ.get(name), LOOPBACK, "localhost"]))


if __name__ == "__main__":
    sys.exit(main())
