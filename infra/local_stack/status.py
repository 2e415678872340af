"""What runs: a row a server with its state, memory and log.

Belongs here: looking and showing. Does not belong here: changing anything.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psutil
from rich.table import Table

from infra.local_stack.processes import descendants
from infra.local_stack.server import Server
from infra.local_stack.stack import LocalStack

MIB = 1 << 20


@dataclass(frozen=True)
class ServerStatus:
    """One server now. Memory in bytes, shared pages counted in proportion, children included."""

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
        """Whether the platform lacks something; what only watches it is not."""
        return self.is_needed and self.state != "healthy"


def look(stack: LocalStack) -> list[ServerStatus]:
    """Asks every server for its health, all at the same time."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda server: _look_at(stack, server), stack.servers.values()))


def as_table(statuses: list[ServerStatus]) -> Table:
    """For the terminal, with the sum of the memory."""
    table = Table(box=None, pad_edge=False)
    for title in ("server", "pid", "state", "memory", "up", "address", "log"):
        table.add_column(title, justify="right" if title in {"pid", "memory", "up"} else "left", overflow="fold")
    for status in statuses:
        numbers = (str(status.pid or ""), status.state, _mib(status.memory), _duration(status.uptime_seconds))
        table.add_row(status.name, *numbers, status.address, str(status.log))
    table.add_row("together", "", "", _mib(sum(status.memory for status in statuses)), "", "", "")
    return table


def _look_at(stack: LocalStack, server: Server) -> ServerStatus:
    process = stack.process(server.name)
    log = stack.place.log_file(server.name)
    if process is None:
        return ServerStatus(server.name, server.address, log, "stopped", is_needed=server.is_needed)
    problem = server.problem()
    memory = sum(_memory(each) for each in (process, *descendants(process)))
    uptime = time.time() - process.create_time()
    state = f"unhealthy: {problem.splitlines()[0][:60]}" if problem else "healthy"
    return ServerStatus(server.name, server.address, log, state, process.pid, memory, uptime, server.is_needed)


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
