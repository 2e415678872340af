"""What a server of the local stack is: a description that says how to start it, when it is healthy and how it ends.

Belongs here: the description. Does not belong here: doing any of it (`stack`, `processes`).
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil


class NotHealthyError(Exception):
    """Raised by a health check that got an answer, but the wrong one. Its text is shown when a start gives up."""


@dataclass(frozen=True)
class Account:
    """The user that a server runs as, where it is not the one that starts it."""

    name: str
    user: int
    group: int


def nothing() -> None:
    """The step of a server that has none."""


@dataclass(frozen=True)
class Server:
    """Frozen: a start, a stop and a status look at the same facts.

    `check` makes a real request and raises whatever it likes while the server is not healthy. `configure` runs before
    each start, `complete` after each start once the server is healthy; both may run again after a crash in the middle.
    """

    name: str
    address: str
    ports: Mapping[str, int]  # by the setting that chooses it
    command: tuple[str, ...]
    folder: Path
    check: Callable[[], None]
    configure: Callable[[], None] = nothing
    complete: Callable[[], None] = nothing
    depends_on: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    account: Account | None = None
    memory_mib: int = 256  # resident, usually
    start_seconds: float = 120
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 20
    before_stop: Callable[[psutil.Process], None] = lambda _: None
    stops_before: tuple[str, ...] = ()  # beside those it depends on: they must be there while it ends
    is_needed: bool = True  # else it only watches: when it cannot start, that is said, and the others go on
    spare_ports: Mapping[str, int] = field(default_factory=dict)  # where they are taken, it starts without

    def problem(self) -> str | None:
        """Why the server is not healthy now; None when it is."""
        try:
            self.check()
        except Exception as error:  # whatever a client library raises means the same here
            return f"{type(error).__name__}: {str(error).strip()}"
        return None
