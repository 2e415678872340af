"""What the emulator sends: one body, and the ids by which its answer is recognised."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Post:
    """A body on its way to the API. A retry sends the same `event_id`, so that it counts once."""

    unique_id: str
    event_id: str
    body: bytes
