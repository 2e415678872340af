"""Which days the stream keeps, as its table `stream_retention` says to whoever reads the stream's days.

Does not belong here: dropping them (`stream.day_partitions`).
"""

from __future__ import annotations

from datetime import date
from typing import Any

from pinterest_platform.stores.postgres import Connection

_NOTHING_DROPPED = date.min


def kept_from(connection: Connection) -> date:
    """The first day that is kept; the first of all where none was dropped."""
    row: Any = connection.execute("SELECT kept_from FROM stream_retention").fetchone()
    return row[0] if row else _NOTHING_DROPPED
