"""Which process is which server, over the end of the process that started it.

Belongs here: the files in `<state>/run`. A number alone is not a process: after a reboot it may be anyone's, so the
time of creation is kept with it, and what does not fit is as good as no file.
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
    """A process: its number, when it was created, in seconds since 1970, and where it listens."""

    pid: int
    created: float
    address: str = "-"


def write_pid_file(folder: Path, server: str, pid: int, address: str = "-") -> None:
    """Records the process that was just started as this server. Everyone may read it, to see what runs."""
    running = Running(pid=pid, created=psutil.Process(pid).create_time(), address=address)
    write_private(_file(folder, server), json.dumps(asdict(running)), EVERYONE)


def read_pid_file(folder: Path, server: str) -> Running | None:
    """What the file says, whether the process lives or not."""
    try:
        return Running(**json.loads(_file(folder, server).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def living_servers(folder: Path) -> dict[str, psutil.Process]:
    """Every server that lives, by its name, as the files say."""
    found = {name: living_process(folder, name) for name in sorted(file.stem for file in folder.glob("*.json"))}
    return {name: process for name, process in found.items() if process}


def remove_pid_file(folder: Path, server: str) -> None:
    """Forgets the server."""
    _file(folder, server).unlink(missing_ok=True)


def living_process(folder: Path, server: str) -> psutil.Process | None:
    """The server's process, unless it has ended or its number belongs to another one now."""
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
