"""Serving: a day's clean pins as a slice of the Cassandra table `pinterest_batch`.

Belongs here: how a slice is replaced while people read it. The new rows are written with one write time, then
everything of that day that is older is deleted, a whole partition at a time: rows that are no longer part of the day
vanish, the new ones stay, no reader sees an empty day, and running it again, or finishing a run that was killed,
changes nothing.
"""

from __future__ import annotations

import time
from datetime import date
from typing import Any

from pyspark.sql import DataFrame

from pinterest_platform.pins.cleaning import CLEAN_COLUMNS
from pinterest_platform.settings import Settings
from pinterest_platform.stores.cassandra import open_session

TABLE = "pinterest_batch"
_CATEGORIES_OF_DAY = "SELECT category FROM pinterest_batch_categories WHERE ingest_date = %s"
_ADD_CATEGORY = "INSERT INTO pinterest_batch_categories (ingest_date, category) VALUES (%s, %s)"
_FORGET_CATEGORY = "DELETE FROM pinterest_batch_categories WHERE ingest_date = %s AND category = %s"
_SOME_ROWS = "SELECT * FROM pinterest_batch WHERE ingest_date = %s AND category = %s LIMIT %s"
_DELETE_OLDER = "DELETE FROM pinterest_batch USING TIMESTAMP %s WHERE ingest_date = %s AND category = %s"


def replace_batch_slice(pins: DataFrame, settings: Settings, day: date) -> dict[str, int]:
    """Make the day's rows of `pinterest_batch` those of `pins`; returns how many were written, by category.

    How many Cassandra then has is for the account to say: counting a partition of millions there times out.

    Args:
        pins: the day's clean pins, one row a pin, with `CLEAN_COLUMNS`.
        settings: where Cassandra is.
        day: the slice.
    """
    write_time = time.time_ns() // 1000
    rows = {row["category"]: row["count"] for row in pins.groupBy("category").count().collect()}
    with open_session(settings) as session:
        session.set_keyspace(settings.cassandra_keyspace)
        # Named before they are filled: a run that dies in between must not leave rows that nobody finds again.
        for category in rows:
            session.execute(_ADD_CATEGORY, [day, category])
        _write(pins, settings, write_time)
        for category in categories_of(session, day):
            session.execute(_DELETE_OLDER, [write_time - 1, day, category])
            if category not in rows:
                session.execute(_FORGET_CATEGORY, [day, category])
    return rows


def categories_of(session: Any, day: date) -> list[str]:
    """The categories that the day has rows of, in order."""
    return [row.category for row in session.execute(_CATEGORIES_OF_DAY, [day])]


def some_rows(settings: Settings, day: date, category: str, size: int) -> list[dict[str, Any]]:
    """A few rows of the day as Cassandra has them."""
    with open_session(settings) as session:
        session.set_keyspace(settings.cassandra_keyspace)
        return [row._asdict() for row in session.execute(_SOME_ROWS, [day, category, size])]


def _write(pins: DataFrame, settings: Settings, write_time: int) -> None:
    options = {
        "keyspace": settings.cassandra_keyspace,
        "table": TABLE,
        "spark.cassandra.output.timestamp": str(write_time),
        # A null needs no tombstone of its own: the older value goes with the rest of the old slice.
        "spark.cassandra.output.ignoreNulls": "true",
    }
    pins.select(*CLEAN_COLUMNS).write.format("org.apache.spark.sql.cassandra").options(**options).mode("append").save()
