"""The description of a server: how to start it, when it is healthy and how it ends. `stack` acts on it."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil


class NotHealthyError(Exception):
    """The server answered the health check, but is not healthy. The text is shown if the start fails."""


@dataclass(frozen=True)
class Account:
    """The user that a server runs as, if not the one who starts it."""

    name: str
    user: int
    group: int


def nothing() -> None:
    """Does nothing: the default for `configure` and `complete`."""


@dataclass(frozen=True)
class Server:
    """How to start, check and stop one server.

    `check` makes a real request, and raises any exception while the server is not healthy. `configure` runs before
    each start, `complete` after it once the server is healthy. Both must be repeatable after a crash in the middle.
    """

    name: str
    address: str
    ports: Mapping[str, int]  # by the name of the setting
    command: tuple[str, ...]
    folder: Path
    check: Callable[[], None]
    configure: Callable[[], None] = nothing
    complete: Callable[[], None] = nothing
    depends_on: tuple[str, ...] = ()
    starts_after: tuple[str, ...] = ()  # not needed: where they start too, it starts after them and stops before them
    environment: Mapping[str, str] = field(default_factory=dict)
    account: Account | None = None
    memory_mib: int = 256  # usual resident memory
    start_seconds: float = 120
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 20
    before_stop: Callable[[psutil.Process], None] = lambda _: None
    stops_before: tuple[str, ...] = ()  # in addition to `depends_on`: it needs these while it stops
    is_needed: bool = True  # False for monitoring: if it cannot start, the others run without it
    spare_ports: Mapping[str, int] = field(default_factory=dict)  # if one is busy, the server starts without it

    def problem(self) -> str | None:
        """Why the server is not healthy; None if it is."""
        try:
            self.check()
        except Exception as error:  # whatever a client library raises means the same here
            return f"{type(error).__name__}: {str(error).strip()}"
        return None
