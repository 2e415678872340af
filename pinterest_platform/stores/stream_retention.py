"""The first day that the stream keeps, from its table `stream_retention`."""

from __future__ import annotations

from datetime import date
from typing import Any

from pinterest_platform.stores.postgres import Connection

_NOTHING_DROPPED = date.min


def kept_from(connection: Connection) -> date:
    """The first day that is kept; `date.min` if none was dropped."""
    row: Any = connection.execute("SELECT kept_from FROM stream_retention").fetchone()
    return row[0] if row else _NOTHING_DROPPED
