"""Limits what the API holds at once: events that wait for Kafka, and the bytes of batches.

Nothing of a refused request is stored, so a client may send it again a moment later.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class TooBusyError(Exception):
    """The API holds as much as it may. Nothing of this request was stored."""


class NoRoomError(TooBusyError):
    """There is no room for the rest of a batch that is still being received."""


class Admission:
    """Refuses requests above `event_limit` events or `byte_limit` bytes of batches."""

    def __init__(self, event_limit: int, byte_limit: int) -> None:
        self._event_limit = event_limit
        self._byte_limit = byte_limit
        self.events = 0
        self.batch_bytes = 0

    def take_in(self, events: int) -> None:
        """Counts events that are about to be handed to Kafka; `let_go` has to follow.

        Raises:
            TooBusyError: there would be more than the limit.
        """
        if self.events + events > self._event_limit:
            raise TooBusyError(f"{self.events} events are already waiting for Kafka.")
        self.events += events

    def let_go(self, events: int) -> None:
        """Counts events that were answered."""
        self.events -= events

    @contextmanager
    def batch(self) -> Iterator[Lease]:
        """Counts the bytes of one batch while the context lasts."""
        lease = Lease(self)
        try:
            yield lease
        finally:
            self.batch_bytes -= lease.size

    def hold(self, lease: Lease, size: int) -> None:
        """Gives a batch `size` more bytes.

        Raises:
            NoRoomError: there would be more than the limit for all batches.
        """
        if self.batch_bytes + size > self._byte_limit:
            raise NoRoomError(f"Batches of {self.batch_bytes} bytes in total are already being read.")
        self.batch_bytes += size
        lease.size += size


class Lease:
    """The bytes that one batch holds."""

    __slots__ = ("_admission", "size")

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self.size = 0

    def grow(self, size: int) -> None:
        """Takes `size` more bytes.

        Raises:
            NoRoomError: there would be more than the limit for all batches.
        """
        self._admission.hold(self, size)
