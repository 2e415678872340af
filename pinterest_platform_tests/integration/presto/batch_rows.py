"""Writes rows of the batch's tables to Cassandra without Spark."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pinterest_platform.pins.cleaning import CLEAN_COLUMNS
from pinterest_platform.settings import Settings
from pinterest_platform.stores.cassandra import open_session

_PIN = f"INSERT INTO pinterest_batch ({', '.join(CLEAN_COLUMNS)}) VALUES ({', '.join('?' * len(CLEAN_COLUMNS))})"  # noqa: S608
_CATEGORY = "INSERT INTO pinterest_batch_categories (ingest_date, category) VALUES (%s, %s)"


def put_batch(settings: Settings, rows: Iterable[dict[str, Any]]) -> None:
    """These rows, and their categories as those of their days."""
    with open_session(settings) as session:
        session.set_keyspace(settings.cassandra_keyspace)
        insert = session.prepare(_PIN)
        for row in rows:
            session.execute(insert, [row.get(name) for name in CLEAN_COLUMNS])
            session.execute(_CATEGORY, [row["ingest_date"], row["category"]])
