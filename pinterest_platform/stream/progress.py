"""The stream's progress: the next offset of each partition, in `stream_progress`, committed together with the rows."""

from __future__ import annotations

from typing import Any

from pinterest_platform.stores.postgres import Connection

_PROGRESS = "SELECT kafka_partition, next_offset FROM stream_progress WHERE topic = %s"


def next_offsets(connection: Connection, topic: str) -> dict[int, int]:
    """Where the stream goes on, per partition; empty before its first batch."""
    rows: list[Any] = connection.execute(_PROGRESS, [topic]).fetchall()
    return dict(rows)
