"""Checks free ports, memory and disk space before servers start."""

from __future__ import annotations

import errno
import shutil
import socket
import time
from collections.abc import Collection, Iterable
from pathlib import Path

import psutil

from infra.errors import StackError
from infra.local_stack.place import LOOPBACK
from infra.local_stack.server import Server
from infra.local_stack.settings import LocalStackSettings
from infra.local_stack.terminal import Terminal

MIB = 1 << 20
PATIENCE_SECONDS = 3
POLL_SECONDS = 0.1
COMFORT = 1.4  # the page cache and a browser want memory too


def check_ports(servers: Iterable[Server]) -> None:
    """Checks that every port is free and used only once.

    Raises:
        StackError: names every busy port, its setting and, if known, the process that holds it.
    """
    wanted = [(server, setting, port) for server in servers for setting, port in server.ports.items()]
    if busy := _still_busy({port for _, _, port in wanted}):
        lines = [_describe(server.name, setting, port) for server, setting, port in wanted if port in busy]
        raise StackError("\n".join([*lines, "Stop that process, or set another port. Nothing was started."]))
    by_port: dict[int, str] = {}
    for _, setting, port in wanted:
        other = by_port.setdefault(port, setting)
        if other != setting:
            raise StackError(f"PINTEREST_{other.upper()} and PINTEREST_{setting.upper()} are both {port}. Change one.")


def without_busy_watchers(servers: Iterable[Server], terminal: Terminal) -> list[Server]:
    """Leaves out monitoring servers whose port is busy, with a warning. Warns of busy `spare_ports` too."""
    kept = []
    for server in servers:
        spare = server.spare_ports if server.is_needed else server.ports
        busy = {setting: port for setting, port in spare.items() if port in _still_busy(spare.values())}
        for setting, port in busy.items():
            terminal.warn(f"{_describe(server.name, setting, port)} Set another port, or it is not monitored.")
        if server.is_needed or not busy:
            kept.append(server)
    return kept


def _still_busy(ports: Collection[int]) -> list[int]:
    """Waits a little: a server that was just killed with -9 still holds its port until its last threads end."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (busy := [port for port in ports if is_busy(port)]) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    return busy


def is_busy(port: int) -> bool:
    """Whether a process listens on this port of 127.0.0.1; connections in TIME_WAIT do not count.

    Raises:
        StackError: the port cannot be used, for example because it is below 1024.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return True
            raise StackError(f"Port {port} cannot be used: {error.strerror}. Choose one above 1023.") from error
    return False


def check_memory(servers: Iterable[Server], settings: LocalStackSettings, terminal: Terminal) -> None:
    """Checks that there is enough free memory, and warns if it is only just enough.

    Raises:
        StackError: less memory is free than these servers usually need.
    """
    servers = list(servers)
    usual = sum(server.memory_mib for server in servers)
    needed = usual if settings.stack_minimum_memory_mib is None else settings.stack_minimum_memory_mib
    free = psutil.virtual_memory().available // MIB
    if free < needed:
        raise StackError(
            f"{', '.join(server.name for server in servers)} need {needed} MiB of memory, but {free} MiB is free. "
            "Close other programs, or set PINTEREST_STACK_MINIMUM_MEMORY_MIB (0: no check). Nothing was started."
        )
    if free < needed * COMFORT:
        terminal.warn(f"{free} MiB of memory is free and about {needed} MiB is needed: the stack may be slow.")


def check_disk(settings: LocalStackSettings) -> None:
    """Checks the free space for data and downloads.

    Raises:
        StackError: too little is free.
    """
    for folder in (settings.state_folder, settings.artifact_cache):
        free = shutil.disk_usage(_existing(folder)).free // MIB
        if free < settings.stack_minimum_disk_mib:
            raise StackError(
                f"{folder} has {free} MiB of free disk space, but {settings.stack_minimum_disk_mib} MiB is needed. "
                "Free some, or choose another folder with PINTEREST_STATE_FOLDER or PINTEREST_ARTIFACT_CACHE."
            )


def _existing(folder: Path) -> Path:
    return next(parent for parent in (folder, *folder.parents) if parent.exists())


def _describe(server: str, setting: str, port: int) -> str:
    return f"Port {port} ({server}, PINTEREST_{setting.upper()}) is in use by {_holder(port)}."


def _holder(port: int) -> str:
    try:
        listening = (entry for entry in psutil.net_connections("tcp") if entry.status == psutil.CONN_LISTEN)
        pid = next((entry.pid for entry in listening if entry.laddr[1:] == (port,)), None)
        if pid:
            return f"process {pid} ({' '.join(psutil.Process(pid).cmdline())[:80]})"
    except psutil.Error:
        pass
    return "another process"
