"""One body that the emulator posts, with the ids that identify it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Post:
    """A body for the API. Retries send the same `event_id`, so that the event counts once."""

    unique_id: str
    event_id: str
    body: bytes
