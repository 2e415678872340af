"""The pid files in `<state>/run`, which tell which process is which server.

After a reboot, a pid may belong to another process. So the file also has the process's creation time, and counts only
if both match.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from infra.local_stack.credentials import EVERYONE, write_private
from infra.local_stack.processes import is_alive

CLOCK_TOLERANCE_SECONDS = 2  # psutil derives the time from the clock, which may be set


@dataclass(frozen=True)
class Running:
    """A process: its pid, its creation time in seconds since 1970, and the address where it listens."""

    pid: int
    created: float
    address: str = "-"


def write_pid_file(folder: Path, server: str, pid: int, address: str = "-") -> None:
    """Records the process of the server that was just started. Every user may read the file."""
    running = Running(pid=pid, created=psutil.Process(pid).create_time(), address=address)
    write_private(_file(folder, server), json.dumps(asdict(running)), EVERYONE)


def read_pid_file(folder: Path, server: str) -> Running | None:
    """The content of the pid file, whether or not the process is alive; None if it cannot be read."""
    try:
        return Running(**json.loads(_file(folder, server).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def living_servers(folder: Path) -> dict[str, psutil.Process]:
    """The processes of all servers that are alive, by server name."""
    found = {name: living_process(folder, name) for name in sorted(file.stem for file in folder.glob("*.json"))}
    return {name: process for name, process in found.items() if process}


def remove_pid_file(folder: Path, server: str) -> None:
    """Removes the server's pid file, if any."""
    _file(folder, server).unlink(missing_ok=True)


def living_process(folder: Path, server: str) -> psutil.Process | None:
    """The server's process; None if it has ended or its pid now belongs to another process."""
    running = read_pid_file(folder, server)
    if running is None:
        return None
    try:
        process = psutil.Process(running.pid)
        same = abs(process.create_time() - running.created) <= CLOCK_TOLERANCE_SECONDS
        return process if same and is_alive(process) else None
    except psutil.NoSuchProcess:
        return None


def _file(folder: Path, server: str) -> Path:
    return folder / f"{server}.json"
