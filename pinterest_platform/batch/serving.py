"""Serving: a day's clean pins as a slice of the Cassandra table `pinterest_batch`.

Belongs here: how a slice is replaced while people read it. The new rows are written with one write time, then
everything of that day that is older is deleted, a whole partition at a time: rows that are no longer part of the day
vanish, the new ones stay, no reader sees an empty day, and running it again, or finishing a run that was killed,
changes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
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
_STATEMENTS_AT_ONCE = 16


def replace_batch_slices(pins: DataFrame, settings: Settings, days: Sequence[date]) -> dict[date, dict[str, int]]:
    """Make the rows that `pinterest_batch` has of the days those of `pins`; returns how many were written, by category.

    All days in one write: a Spark job costs a second, whatever its size. How many rows Cassandra then has is for the
    account to say: counting a partition of millions there times out.

    Args:
        pins: the days' clean pins, one row a pin and day, with `CLEAN_COLUMNS`.
        settings: where Cassandra is.
        days: the slices.
    """
    write_time = time.time_ns() // 1000
    rows = _count_by_category(pins, days)
    with open_session(settings) as session:
        session.set_keyspace(settings.cassandra_keyspace)
        # Named before they are filled: a run that dies in between must not leave rows that nobody finds again.
        _execute_all(session, _ADD_CATEGORY, [(day, category) for day in days for category in rows[day]])
        _write(pins, settings, write_time)
        found = [(day, category) for day in days for category in categories_of(session, day)]
        _execute_all(session, _DELETE_OLDER, [(write_time - 1, day, category) for day, category in found])
        # Forgotten last, for the same reason.
        _execute_all(session, _FORGET_CATEGORY, [(day, name) for day, name in found if name not in rows[day]])
    return rows


def _count_by_category(pins: DataFrame, days: Sequence[date]) -> dict[date, dict[str, int]]:
    rows: dict[date, dict[str, int]] = {day: {} for day in days}
    for day, category, count in pins.groupBy("ingest_date", "category").count().collect():
        rows[day][category] = count
    return rows


def _execute_all(session: Any, statement: str, values: Sequence[tuple[Any, ...]]) -> None:
    """Execute the statement with each of the values, many at a time; the first error is raised."""
    from cassandra.concurrent import execute_concurrent_with_args

    execute_concurrent_with_args(session, statement, values, concurrency=_STATEMENTS_AT_ONCE)


def categories_of(session: Any, day: date) -> list[str]:
    """The categories that the day has rows of, in order."""
    return [row.category for row in session.execute(_CATEGORIES_OF_DAY, [day])]


def sample_days(settings: Settings, categories: Mapping[date, str], size: int) -> dict[date, list[dict[str, Any]]]:
    """A few rows of one category of each day, as Cassandra has them."""
    with open_session(settings) as session:
        session.set_keyspace(settings.cassandra_keyspace)
        found = {day: session.execute(_SOME_ROWS, [day, category, size]) for day, category in categories.items()}
        return {day: [row._asdict() for row in rows] for day, rows in found.items()}


def _write(pins: DataFrame, settings: Settings, write_time: int) -> None:
    options = {
        "keyspace": settings.cassandra_keyspace,
        "table": TABLE,
        "spark.cassandra.output.timestamp": str(write_time),
        # A null needs no tombstone of its own: the older value goes with the rest of the old slice.
        "spark.cassandra.output.ignoreNulls": "true",
    }
    pins.select(*CLEAN_COLUMNS).write.format("org.apache.spark.sql.cassandra").options(**options).mode("append").save()
