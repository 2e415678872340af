"""How far the stream has come: a row of `stream_progress` per partition, committed with the rows it speaks of.

Belongs here: reading it, for whoever wants to know, without Spark. Does not belong here: who writes it (`stream.sink`).
"""

from __future__ import annotations

from typing import Any

from pinterest_platform.stores.postgres import Connection

_PROGRESS = "SELECT kafka_partition, next_offset FROM stream_progress WHERE topic = %s"


def next_offsets(connection: Connection, topic: str) -> dict[int, int]:
    """Where the stream goes on, per partition; empty before its first batch."""
    rows: list[Any] = connection.execute(_PROGRESS, [topic]).fetchall()
    return dict(rows)
