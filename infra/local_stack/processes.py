"""Starting and ending processes that outlive the one that starts them.

Belongs here: launching, finding what belongs to a stack, ending a tree of processes. Does not belong here: which
processes, and in which order (`stack`).
"""

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

# In the environment of every process of a stack, and inherited: finds those whose parent was killed.
MARK = "PINTEREST_STACK"
# They would change every JVM of the stack, and each prints them on standard error.
UNWANTED = {"JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "CLASSPATH", "PYTHONWARNINGS"}
STOPS = (signal.SIGINT, signal.SIGTERM)
LOG_LIMIT_BYTES = 10_000_000
KILL_SECONDS = 5
POLL_SECONDS = 0.05


@contextmanager
def signals_for_children() -> Iterator[None]:
    """Who is started meanwhile hears SIGINT and SIGTERM, also where this process ignores them.

    A shell has its background jobs ignore SIGINT, and who is started inherits that. Dagster would then ignore SIGTERM
    as well, which it takes for the same: it could only be killed. A handler, unlike being ignored, is not inherited.
    Only the main thread may set one: in others this does nothing.
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
    """Ignores a signal, without telling children to."""


def launch(server: Server, log: Path, state: Path) -> subprocess.Popen[bytes]:
    """Starts a server in a session of its own, so that Ctrl-C in a terminal does not reach it."""
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
    """Keeps a long log as `<name>.1` and lets a new one begin."""
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LOG_LIMIT_BYTES:
        log.replace(log.with_name(log.name + ".1"))


def marked(state: Path) -> list[psutil.Process]:
    """Every process of this stack that is alive, except PostgreSQL's, which write over their environment."""
    return [process for process in psutil.process_iter() if _mark(process) == str(state) and is_alive(process)]


def orphans(state: Path, servers: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Processes of this stack that are no server and below none, the top of each tree only."""
    known = {process for server in servers for process in (server, *descendants(server))}
    strays = [process for process in marked(state) if process not in known]
    return [process for process in strays if _parent(process) not in strays]


def descendants(process: psutil.Process) -> list[psutil.Process]:
    """All processes below this one, none if it is gone."""
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def end(tops: Collection[psutil.Process], stop: signal.Signals, seconds: float) -> list[psutil.Process]:
    """Asks processes to end, then ends what is left of and below them; returns those that had to be killed."""
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
    """Waits for all; returns those that are still there. A zombie is gone: only its parent has not looked yet.

    Looks are counted, not seconds: a machine that stood still meanwhile gave nobody the time to end.
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
        return None  # another user's, or just gone


def _parent(process: psutil.Process) -> psutil.Process | None:
    try:
        return process.parent()
    except psutil.NoSuchProcess:
        return None
