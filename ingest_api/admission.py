"""How much the API holds at once: events that wait for Kafka, and bytes of batches that are being read or wait.

Belongs here: counting and saying no. What is refused here costs nothing and may be sent again a moment later.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class TooBusyError(Exception):
    """More than the API will hold at once. Nothing of it was taken: send it again, a little later."""


class NoRoomError(TooBusyError):
    """There is no room for the rest of a batch that is still coming in."""


class Admission:
    """Says no above `event_limit` events and `byte_limit` bytes of batches."""

    def __init__(self, event_limit: int, byte_limit: int) -> None:
        self._event_limit = event_limit
        self._byte_limit = byte_limit
        self.events = 0
        self.batch_bytes = 0

    def take_in(self, events: int) -> None:
        """Count events that are about to be handed to Kafka; `let_go` has to follow.

        Raises:
            TooBusyError: too many are there already.
        """
        if self.events + events > self._event_limit:
            raise TooBusyError(f"{self.events} events wait for Kafka already.")
        self.events += events

    def let_go(self, events: int) -> None:
        """They have an answer."""
        self.events -= events

    @contextmanager
    def batch(self) -> Iterator[Lease]:
        """The bytes of one batch, for as long as it is held."""
        lease = Lease(self)
        try:
            yield lease
        finally:
            self.batch_bytes -= lease.size

    def hold(self, lease: Lease, size: int) -> None:
        """Let a batch have so many bytes more.

        Raises:
            NoRoomError: other batches have them.
        """
        if self.batch_bytes + size > self._byte_limit:
            raise NoRoomError(f"Batches of {self.batch_bytes} bytes are being read already.")
        self.batch_bytes += size
        lease.size += size


class Lease:
    """What one batch holds of the bytes of all."""

    __slots__ = ("_admission", "size")

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self.size = 0

    def grow(self, size: int) -> None:
        """Hold so many bytes more, or raise NoRoomError."""
        self._admission.hold(self, size)
