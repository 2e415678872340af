"""`make status`: one row per server with its state, memory and log, and one for the stream.

Changes nothing, and shows at least the processes of a stack that another user has started.
"""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from rich.table import Table

from infra.local_stack.credentials import owner_of
from infra.local_stack.pid_file import living_servers, read_pid_file
from infra.local_stack.place import RUN, SECRETS
from infra.local_stack.processes import descendants
from infra.local_stack.server import Server
from infra.local_stack.stack import LocalStack

if TYPE_CHECKING:
    from infra.command_line.stream_status import StreamStatus

MIB = 1 << 20


@dataclass(frozen=True)
class ServerStatus:
    """The state of one server. `memory` is the proportional set size in bytes, child processes included."""

    name: str
    address: str
    log: Path
    state: str
    pid: int | None = None
    memory: int = 0
    uptime_seconds: float = 0
    is_needed: bool = True

    @property
    def is_a_problem(self) -> bool:
        """Whether the server is not healthy and the platform needs it; monitoring is not needed."""
        return self.is_needed and self.state != "healthy"


def look(stack: LocalStack) -> list[ServerStatus]:
    """Checks the health of every server, all at the same time."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda server: _look_at(stack, server), stack.servers.values()))


def is_another_users(state: Path) -> bool:
    """Whether this user may not read the stack's secrets, and so cannot run its health checks."""
    try:
        return (state / SECRETS).exists() and not os.access(state / SECRETS, os.R_OK)
    except PermissionError:
        return True


def look_from_outside(state: Path) -> list[ServerStatus]:
    """The processes of another user's stack, from its pid files; empty if these cannot be read."""
    if not _may_enter(state / RUN):
        return []
    found = []
    for name, process in living_servers(state / RUN).items():
        running = read_pid_file(state / RUN, name)
        log = state / "logs" / f"{name}.log"
        uptime = time.time() - process.create_time()
        address = running.address if running else "-"
        found.append(ServerStatus(name, address, log, "running", process.pid, _memory_of_tree(process), uptime))
    return found


def explain_outside(state: Path) -> str:
    """Says why this user sees no more of the stack."""
    if not _may_enter(state / RUN):
        return f"You may not read {state}. Run this as the user who owns it."
    return f"The stack in {state} belongs to {owner_of(state)}. Only they and root can check its health or stop it."


def _may_enter(folder: Path) -> bool:
    return os.access(folder, os.R_OK | os.X_OK)


def as_table(statuses: list[ServerStatus], stream: StreamStatus | None = None) -> Table:
    """The table for the terminal. The stream has no memory of its own: it runs below Dagster's code server."""
    table = Table(box=None, pad_edge=False)
    for title in ("server", "pid", "state", "memory", "up", "address", "log"):
        table.add_column(title, justify="right" if title in {"pid", "memory", "up"} else "left", overflow="fold")
    for status in statuses:
        numbers = (str(status.pid or ""), status.state, _mib(status.memory), _duration(status.uptime_seconds))
        table.add_row(status.name, *numbers, status.address, str(status.log))
    if stream:
        table.add_row("stream", "", stream.state, "", "", stream.pace, stream.run_page or "")
    table.add_row("total", "", "", _mib(sum(status.memory for status in statuses)), "", "", "")
    return table


def _look_at(stack: LocalStack, server: Server) -> ServerStatus:
    process = stack.process(server.name)
    log = stack.place.log_file(server.name)
    if process is None:
        return ServerStatus(server.name, server.address, log, "stopped", is_needed=server.is_needed)
    problem = server.problem()
    memory = _memory_of_tree(process)
    uptime = time.time() - process.create_time()
    state = f"unhealthy: {problem.splitlines()[0][:60]}" if problem else "healthy"
    return ServerStatus(server.name, server.address, log, state, process.pid, memory, uptime, server.is_needed)


def _memory_of_tree(top: psutil.Process) -> int:
    return sum(_memory(each) for each in (top, *descendants(top)))


def _memory(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.AccessDenied:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def _mib(count: int) -> str:
    return f"{count / MIB:.0f} MiB" if count else ""


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if seconds else ""
