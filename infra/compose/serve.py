"""Configures a container's server, then becomes it, so that the server itself receives Docker's signals.

Only the code server gets a parent: its runs are child processes, which have to end first, and orphans must be reaped.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping
from types import FrameType
from typing import NoReturn

import psutil

from infra.compose.containers import DESCRIPTIONS, place_of
from infra.compose.probe import write_probe
from infra.local_stack.pid_file import write_pid_file
from infra.local_stack.server import Server
from infra.local_stack.servers.dagster import CODE_SERVER
from infra.local_stack.settings import LocalStackSettings

# What a health check asks for, by service. The others are asked for a connection.
_PAGES: Mapping[str, str] = {
    "s3": "/",
    "presto": "/v1/info",
    "prometheus": "/-/ready",
    "postgres-exporter": "/",
    "ingest-api": "/health/ready",
    "dagster-web": "/server_info",
    "dagster-reader": "/server_info",
    "platform-exporter": "/favicon.ico",  # the only path that is answered without asking Dagster and PostgreSQL
}


def serve(service: str) -> int:
    """Runs the service's server in the foreground; returns only for the code server, with its exit code."""
    place = place_of(service, LocalStackSettings())
    server = DESCRIPTIONS[service](place)
    server.configure()
    write_pid_file(place.run_folder, service, os.getpid(), server.address)
    _tell_how_to_probe(server)
    if service != CODE_SERVER:
        _become(server)
    server.complete()  # its pools have to exist before the first run
    return _supervise(server)


def _become(server: Server) -> NoReturn:
    os.chdir(server.folder)
    os.execvpe(server.command[0], server.command, {**os.environ, **server.environment})  # noqa: S606


def _tell_how_to_probe(server: Server) -> None:
    if not server.ports:
        return
    port = next(iter(server.ports.values()))  # the first is the one that clients use
    kind = "postgres" if server.name == "postgres" else "http" if server.name in _PAGES else "tcp"
    write_probe(kind, port, _PAGES.get(server.name, "/"))


def _supervise(server: Server) -> int:
    """Runs the server as a child. On SIGTERM its runs end first, then the server."""
    child = subprocess.Popen(server.command, cwd=server.folder, env={**os.environ, **server.environment})

    def stop(_: int, __: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        server.before_stop(psutil.Process(child.pid))
        os.kill(child.pid, signal.SIGTERM)

    signal.signal(signal.SIGTERM, stop)
    while True:
        pid, status = os.wait()
        if pid == child.pid:
            return os.waitstatus_to_exitcode(status)
