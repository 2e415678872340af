"""The pid files in `<state>/run`, which tell which process is which server.

A pid may later belong to another process. So the file also says when the process was born, in ticks since the boot,
and counts only if both match. The clock may be set while the process runs.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from infra.local_stack.credentials import EVERYONE, write_private
from infra.local_stack.processes import is_alive

CLOCK_TOLERANCE_SECONDS = 2  # psutil derives the time from the clock
_BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Running:
    """A process: its pid, its creation time in seconds since 1970, its birth, and the address where it listens.

    `birth` is empty in files of earlier versions. They are compared by the creation time.
    """

    pid: int
    created: float
    address: str = "-"
    birth: str = ""


def write_pid_file(folder: Path, server: str, pid: int, address: str = "-") -> None:
    """Records the process of the server that was just started. Every user may read the file."""
    running = Running(pid, psutil.Process(pid).create_time(), address, birth_of(pid))
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
        if running.birth:
            same = birth_of(running.pid) == running.birth
        else:
            same = abs(process.create_time() - running.created) <= CLOCK_TOLERANCE_SECONDS
        return process if same and is_alive(process) else None
    except psutil.NoSuchProcess:
        return None


def birth_of(pid: int) -> str:
    """The boot and the ticks since then at which the process was created; empty if it has ended, or outside Linux."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return f"{_BOOT.read_text().strip()} {after_name[19]}"  # field 22: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
    except OSError:
        return ""


def _file(folder: Path, server: str) -> Path:
    return folder / f"{server}.json"
