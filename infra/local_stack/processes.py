"""Starts, finds and ends the processes of a stack, which outlive the command that starts them."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import threading
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import psutil

from infra.local_stack.server import Server

# An environment variable that all processes of a stack inherit. It finds those whose parent was killed.
MARK = "PINTEREST_STACK"
# These would change every JVM or Python process of the stack.
UNWANTED = {"JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "CLASSPATH", "PYTHONWARNINGS"}
STOPS = (signal.SIGINT, signal.SIGTERM)
LOG_LIMIT_BYTES = 10_000_000
KILL_SECONDS = 5
POLL_SECONDS = 0.05


@contextmanager
def signals_for_children() -> Iterator[None]:
    """Processes started inside react to SIGINT and SIGTERM, even if this process ignores them.

    A shell makes its background jobs ignore SIGINT, and child processes inherit that. Dagster would then ignore SIGTERM
    too, and could only be killed. Handlers are not inherited, so ignoring is done by a handler here. Only the main
    thread may set handlers: in other threads this does nothing.
    """
    is_main = threading.current_thread() is threading.main_thread()
    ignored = [number for number in STOPS if is_main and signal.getsignal(number) is signal.SIG_IGN]
    for number in ignored:
        signal.signal(number, _ignore)
    try:
        yield
    finally:
        for number in ignored:
            signal.signal(number, signal.SIG_IGN)


def _ignore(_: int, __: FrameType | None) -> None:
    """Ignores a signal; unlike SIG_IGN, child processes do not inherit this."""


def launch(server: Server, log: Path, state: Path) -> subprocess.Popen[bytes]:
    """Starts a server in its own session, so that Ctrl-C in the terminal does not reach it."""
    account = server.account
    inherited = {name: value for name, value in os.environ.items() if name not in UNWANTED}
    with log.open("ab") as output:
        return subprocess.Popen(
            server.command,
            cwd=server.folder,
            env={**inherited, **server.environment, MARK: str(state)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            user=account.user if account else None,
            group=account.group if account else None,
            extra_groups=[] if account else None,
        )


def rotate(log: Path) -> None:
    """Renames a log of over 10 MB to `<name>.1`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LOG_LIMIT_BYTES:
        log.replace(log.with_name(log.name + ".1"))


def marked(state: Path) -> list[psutil.Process]:
    """All live processes of this stack, except PostgreSQL's, which overwrite their environment."""
    return [process for process in psutil.process_iter() if _mark(process) == str(state) and is_alive(process)]


def orphans(state: Path, servers: Iterable[psutil.Process]) -> list[psutil.Process]:
    """The roots of process trees of this stack that are below none of its servers."""
    known = {process for server in servers for process in (server, *descendants(server))}
    strays = [process for process in marked(state) if process not in known]
    return [process for process in strays if _parent(process) not in strays]


def descendants(process: psutil.Process) -> list[psutil.Process]:
    """All processes below this one; empty if it has ended."""
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def end(tops: Collection[psutil.Process], stop: signal.Signals, seconds: float) -> list[psutil.Process]:
    """Sends `stop`, kills what is left after `seconds`, then ends their descendants; returns those it had to kill."""
    below = [process for top in tops for process in descendants(top)]
    stubborn = _signal_and_wait(tops, stop, seconds)
    _signal_and_wait(stubborn, signal.SIGKILL, KILL_SECONDS)
    rest = _signal_and_wait(below, signal.SIGTERM, KILL_SECONDS)
    _signal_and_wait(rest, signal.SIGKILL, KILL_SECONDS)
    return stubborn


def _signal_and_wait(
    processes: Collection[psutil.Process], number: signal.Signals, seconds: float
) -> list[psutil.Process]:
    for process in processes:
        try:
            process.send_signal(number)
        except psutil.NoSuchProcess:
            continue
    return wait_until_gone(processes, seconds)


def wait_until_gone(processes: Collection[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Waits for all to end; returns those that are still alive. A zombie counts as ended.

    Counts polls instead of the clock: while a machine is suspended, processes cannot end.
    """
    for _ in range(math.ceil(seconds / POLL_SECONDS)):
        if not any(map(is_alive, processes)):
            return []
        time.sleep(POLL_SECONDS)
    return [process for process in processes if is_alive(process)]


def is_alive(process: psutil.Process) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _mark(process: psutil.Process) -> str | None:
    try:
        return process.environ().get(MARK)
    except (psutil.Error, OSError):
        return None  # another user's process, or it has just ended


def _parent(process: psutil.Process) -> psutil.Process | None:
    try:
        return process.parent()
    except psutil.NoSuchProcess:
        return None
