"""Starts and stops the local stack and knows what is running.

There is no supervisor. A start launches the servers that are not running, waits until all are healthy and ends. A stop
finds them by their pid files, so it does not matter how the start ended.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import psutil

from infra.errors import StackError
from infra.local_stack.class_archive import make_class_archive
from infra.local_stack.credentials import refuse_another_users
from infra.local_stack.environment import changed_variables, kept_settings, write_environment
from infra.local_stack.java_home import fetch_java, find_java
from infra.local_stack.monitoring import fetch_monitoring
from infra.local_stack.order import closure, in_order, reversed_graph
from infra.local_stack.pid_file import living_process, living_servers, remove_pid_file, write_pid_file
from infra.local_stack.place import RUN, Place, make_place
from infra.local_stack.preflight import check_disk, check_memory, check_ports, without_busy_watchers
from infra.local_stack.processes import end, is_alive, launch, marked, orphans, rotate, signals_for_children
from infra.local_stack.runs import interrupt_runs
from infra.local_stack.server import Server
from infra.local_stack.servers import describe_all
from infra.local_stack.settings import LocalStackSettings
from infra.local_stack.setup import fetch_artifacts
from infra.local_stack.terminal import Terminal

POLL_SECONDS = 0.2
LOG_LINES = 15
# Processes whose servers are gone only wait for them, so killing them loses nothing.
ORPHAN_SECONDS = 5


class _ServerEndedError(StackError):
    """A server ended before it was healthy."""


class LocalStack:
    """One stack. Its `settings` include its secrets, so clients can connect with them."""

    def __init__(self, settings: LocalStackSettings | None = None, terminal: Terminal | None = None) -> None:
        self._given = settings or LocalStackSettings()
        self._place: Place = make_place(self._given)
        self._terminal = terminal or Terminal()
        self._children: list[subprocess.Popen[bytes]] = []
        self._log_offsets: dict[str, int] = {}  # where the log of each launched server began

    @classmethod
    def as_it_runs(cls, terminal: Terminal | None = None) -> LocalStack:
        """The stack of the state folder; while it runs, with the settings it was started with.

        The caller's shell may have another HOME, and so another cache, or other ports than the running stack.
        """
        settings = LocalStackSettings()
        state = settings.state_folder.resolve()
        kept = kept_settings(state) if living_servers(state / RUN) else None
        return cls(kept or settings, terminal)

    @property
    def settings(self) -> LocalStackSettings:
        """The settings that clients of this stack connect with."""
        return self._place.settings

    @property
    def place(self) -> Place:
        """The folders and artifacts of this stack."""
        return self._place

    @cached_property
    def servers(self) -> Mapping[str, Server]:
        """Every server by name, dependencies first."""
        return {server.name: server for server in describe_all(self._place)}

    def process(self, name: str) -> psutil.Process | None:
        """The process of a server; None if it is not running."""
        return living_process(self._place.run_folder, name)

    def start(self, names: Iterable[str] | None = None) -> None:
        """Starts these servers (default: all) and those they depend on, then waits until all are healthy.

        On a failure or Ctrl-C, stops what this call started and raises.

        Raises:
            StackError: a server is unknown or did not start, or ports, memory, disk or settings do not allow a start.
        """
        refuse_another_users(self._place.secrets_file)
        self._refuse_other_settings()
        with self._alone():
            fetch_monitoring(self.settings, self._terminal)
            self._fetch_java()
            wanted = self._wanted(names)
            fetch_artifacts(self._place.lock, self.settings.artifact_cache, self._terminal)
            make_class_archive(self.settings, self._terminal)
            self._end_orphans()
            left_out = self._check_before([self.servers[name] for name in wanted if not self.process(name)])
            write_environment(self._place)
            self._start([name for name in wanted if name not in left_out])

    def stop(self) -> None:
        """Stops every process of this stack: Dagster's runs first, then each server after those that depend on it."""
        with self._alone():
            self._end_orphans()
            self._stop([name for name in self.servers if self.process(name)])
            self._end_rest()

    def is_running(self) -> bool:
        """Whether any process of this stack is alive."""
        return any(self.process(name) for name in self.servers) or bool(marked(self._place.state))

    def _fetch_java(self) -> None:
        """Fetches Java if it is missing; what was described before has another one."""
        fetch_java(self.settings, self._terminal)
        if find_java(self.settings) != self.settings.java_home:
            self._place = make_place(self._given)
            self.__dict__.pop("servers", None)

    def _wanted(self, names: Iterable[str] | None) -> list[str]:
        graph = {name: server.depends_on for name, server in self.servers.items()}
        unknown = set(names or ()) - set(graph)
        if unknown:
            raise StackError(f"There is no server {', '.join(sorted(unknown))}. Choose from: {', '.join(graph)}.")
        chosen = closure(graph, graph if names is None else names)
        return [name for name in graph if name in chosen]

    def _refuse_other_settings(self) -> None:
        changed = changed_variables(self._place)
        if changed and living_servers(self._place.run_folder):
            raise StackError(
                f"The stack is running with other values of {', '.join(changed)}. Unset these, or run make stop first."
            )

    def _check_before(self, servers: list[Server]) -> set[str]:
        """Checks ports, memory and disk; returns the names of monitoring servers that have to be left out."""
        kept = without_busy_watchers(servers, self._terminal)
        if kept:
            check_ports(kept)
            check_memory(kept, self.settings, self._terminal)
            check_disk(self.settings)
        return {server.name for server in servers} - {server.name for server in kept}

    def _start(self, names: list[str]) -> None:
        given_up = threading.Event()
        started: list[str] = []

        def start_one(name: str) -> None:
            server = self.servers[name]
            try:
                self._start_one(server, started, given_up)
            except Exception as error:
                if server.is_needed:
                    raise
                self._terminal.warn(f"{name} did not start; the other servers run without it: {error}")
                self._stop_one(server)

        try:
            with signals_for_children():
                in_order(self._graph(names), start_one, given_up)
        except BaseException:
            self._terminal.line("stopping the servers that were started ...")
            self._stop(started)
            raise

    def _graph(self, names: Iterable[str]) -> dict[str, list[str]]:
        chosen = list(names)
        earlier = {name: (*self.servers[name].depends_on, *self.servers[name].starts_after) for name in chosen}
        return {name: [other for other in others if other in chosen] for name, others in earlier.items()}

    def _start_one(self, server: Server, started: list[str], given_up: threading.Event) -> None:
        begin = time.monotonic()
        was_running = self.process(server.name) is not None
        if was_running:
            try:
                self._wait_until_healthy(server, given_up)
            except _ServerEndedError:  # it was killed a moment ago: a large process takes a while to go
                was_running = False
        if not was_running:
            if given_up.is_set():
                return
            self._launch(server, started)
            self._wait_until_healthy(server, given_up)
        if not given_up.is_set():
            _complete(server)
            self._say(server, time.monotonic() - begin, was_running)

    def _launch(self, server: Server, started: list[str]) -> None:
        log = self._place.log_file(server.name)
        rotate(log)
        self._log_offsets[server.name] = log.stat().st_size if log.exists() else 0
        server.configure()
        started.append(server.name)
        child = launch(server, log, self._place.state)
        self._children.append(child)
        write_pid_file(self._place.run_folder, server.name, child.pid, server.address)

    def _wait_until_healthy(self, server: Server, given_up: threading.Event) -> None:
        deadline = time.monotonic() + server.start_seconds
        while not given_up.is_set():
            if self.process(server.name) is None:
                raise _ServerEndedError(f"{server.name} ended while it was starting. {self._last_lines(server)}")
            problem = server.problem()
            if problem is None:
                return
            if time.monotonic() > deadline:
                waited = f"{server.name} is not healthy after {server.start_seconds:.0f} s: {problem}"
                raise StackError(f"{waited} {self._last_lines(server)}")
            given_up.wait(POLL_SECONDS)

    def _last_lines(self, server: Server) -> str:
        """What the server has logged since it was launched; of one that ran before, the end of its log."""
        return _last_lines(self._place.log_file(server.name), self._log_offsets.get(server.name, 0))

    def _say(self, server: Server, seconds: float, was_running: bool) -> None:
        took = "running" if was_running else f"{seconds:5.1f} s"
        log = _shortest(self._place.log_file(server.name))
        self._terminal.line(f"✓ {server.name:<18}{took:>8}   {server.address:<24}{log}")

    def _stop(self, names: list[str]) -> None:
        later = self._graph(names)
        for name in names:
            later[name] += [other for other in self.servers[name].stops_before if other in later]
        in_order(reversed_graph(later), lambda name: self._stop_one(self.servers[name]), threading.Event())
        for child in self._children:
            # One that has just ended may still have threads that end: it cannot be reaped before.
            if child.poll() is None and not is_alive(psutil.Process(child.pid)):
                child.wait()

    def _stop_one(self, server: Server) -> None:
        process = self.process(server.name)
        if process:
            begin = time.monotonic()
            server.before_stop(process)
            if end([process], server.stop_signal, server.stop_seconds):
                self._terminal.warn(f"{server.name} did not stop in {server.stop_seconds:.0f} s and was killed.")
            self._terminal.line(f"✓ {server.name:<18}{time.monotonic() - begin:5.1f} s   stopped")
        remove_pid_file(self._place.run_folder, server.name)

    def _end_orphans(self) -> None:
        servers = [process for name in self.servers if (process := self.process(name))]
        self._end_left_over(orphans(self._place.state, servers))

    def _end_rest(self) -> None:
        self._end_left_over(marked(self._place.state))

    def _end_left_over(self, processes: list[psutil.Process]) -> None:
        if processes:
            self._terminal.line(f"ending {len(processes)} processes left over from servers that have ended ...")
            for process in processes:
                interrupt_runs(process, ORPHAN_SECONDS)
            if end(processes, signal.SIGTERM, ORPHAN_SECONDS):
                self._terminal.warn(f"Some of them did not stop in {ORPHAN_SECONDS} s and were killed.")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Only one start or stop at a time."""
        self._place.run_folder.mkdir(parents=True, exist_ok=True)
        with (self._place.run_folder / "lock").open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                raise StackError(
                    f"Process {lock.read() or '?'} is starting or stopping this stack. Wait until it has ended."
                ) from None
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            yield


def _complete(server: Server) -> None:
    try:
        server.complete()
    except Exception as error:  # whatever a client library raises means the same here
        raise StackError(f"{server.name} is healthy, but could not be set up for the platform: {error}") from error


def _last_lines(log: Path, offset: int) -> str:
    with log.open("rb") as content:
        content.seek(offset)
        lines = content.read().decode(errors="replace").splitlines()
    return "\n".join([f"The last lines of {_shortest(log)}:", *(f"  {line}" for line in lines[-LOG_LINES:])])


def _shortest(file: Path) -> str:
    return str(file.relative_to(Path.cwd())) if file.is_relative_to(Path.cwd()) else str(file)
