"""Replaces a day's slice of the Cassandra table `pinterest_batch` while it is being read.

All new rows are written with one write time, above those of all existing rows (`serving.write_times`). Then everything
older is deleted, one partition at a time. So readers never see an empty day, and repeating a run, or finishing a killed
one, changes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from pyspark.sql import DataFrame

from pinterest_platform.pins.cleaning import CLEAN_COLUMNS
from pinterest_platform.serving.pin_rows import TABLE, RefusedPin, write_pins
from pinterest_platform.serving.write_times import Slice, finish_write, take_write_time
from pinterest_platform.settings import Settings
from pinterest_platform.stores.cassandra import attempt_all, demand_columns, execute_all, open_session

_CATEGORIES_OF_DAY = "SELECT category FROM pinterest_batch_categories WHERE ingest_date = %s"
_ADD_CATEGORY = "INSERT INTO pinterest_batch_categories (ingest_date, category) VALUES (?, ?) USING TIMESTAMP ?"
_FORGET_CATEGORY = "DELETE FROM pinterest_batch_categories USING TIMESTAMP ? WHERE ingest_date = ? AND category = ?"
_FORGET_OLDER = "DELETE FROM pinterest_batch_categories USING TIMESTAMP ? WHERE ingest_date = ?"
_SOME_ROWS = "SELECT * FROM pinterest_batch WHERE ingest_date = %s AND category = %s LIMIT %s"
_DELETE_OLDER = "DELETE FROM pinterest_batch USING TIMESTAMP ? WHERE ingest_date = ? AND category = ?"
_NEWEST = "SELECT max(writetime(kafka_offset)) FROM pinterest_batch WHERE ingest_date = %s AND category = %s"
_NEWEST_SECONDS = 120.0  # reads a whole partition, but only once for each slice
_ADD_REJECT = """
    INSERT INTO pinterest_batch_rejects (ingest_date, kafka_partition, kafka_offset, unique_id, category, reason)
    VALUES (?, ?, ?, ?, ?, ?) USING TIMESTAMP ?"""
_DELETE_OLDER_REJECTS = "DELETE FROM pinterest_batch_rejects USING TIMESTAMP ? WHERE ingest_date = ?"
_REJECTS_OF_DAY = """
    SELECT ingest_date, kafka_partition, kafka_offset, unique_id, category, reason
    FROM pinterest_batch_rejects WHERE ingest_date = %s"""
Rows = dict[date, dict[str, int]]


@dataclass(frozen=True)
class Sample:
    """A few of a day's rows, and how many of its clean pins Cassandra has refused."""

    rows: list[dict[str, Any]]
    refused: int


def replace_batch_slices(
    pins: DataFrame, settings: Settings, days: Sequence[date], clock: Callable[[], float] = time.time
) -> Rows:
    """Replace the rows of these days by `pins`; returns how many rows were written, by day and category.

    All days share one write, since a Spark job costs a second regardless of its size. Rows are not counted in
    Cassandra: that would time out for a partition of millions, and reconciliation does it. `rejects_of` gives refused
    pins.

    Of two concurrent runs of a day, the one that began later wins, whichever ends last.

    Args:
        pins: the days' clean pins, one row per pin and day, with `CLEAN_COLUMNS`.
        settings: of Cassandra.
        days: the slices.
        clock: seconds since 1970.

    Raises:
        CassandraTablesMissingError: the table lacks a column of a field that an upgrade has added.
    """
    rows = _count_by_category(pins, days)
    with open_session(settings) as session:
        session.set_keyspace(settings.cassandra_keyspace)
        demand_columns(session, settings, TABLE, CLEAN_COLUMNS)
        slices = {day: Slice(TABLE, day.isoformat()) for day in days}
        write_time = take_write_time(session, list(slices.values()), lambda each: _newest_row(session, each), clock)
        # Category names first: a run that dies in between must not leave rows that cannot be found.
        categories = [(day, category, write_time) for day in days for category in rows[day]]
        unnamed = attempt_all(session, _ADD_CATEGORY, categories)  # a refused name is refused as a key too
        refused = write_pins(pins, settings, session, write_time)
        execute_all(session, _ADD_REJECT, [(*pin.shortened(), write_time) for pin in refused])
        rows = _without(rows, refused)
        written = finish_write(session, list(slices.values()), write_time)
        _delete_older(session, {day: written[slices[day]] for day in days}, rows)
        named = [category for place, category in enumerate(categories) if place not in unnamed]
        emptied = [(write_time, day, category) for day, category, _ in named if category not in rows[day]]
        execute_all(session, _FORGET_CATEGORY, emptied)
    return rows


def _count_by_category(pins: DataFrame, days: Sequence[date]) -> Rows:
    rows: Rows = {day: {} for day in days}
    for day, category, count in pins.groupBy("ingest_date", "category").count().collect():
        rows[day][category] = count
    return rows


def _without(rows: Rows, refused: Sequence[RefusedPin]) -> Rows:
    """The counts without refused pins. Categories with no rows left are dropped."""
    left = {day: dict(of_day) for day, of_day in rows.items()}
    for pin in refused:
        left[pin.ingest_date][pin.category] -= 1
    return {day: {category: count for category, count in of_day.items() if count} for day, of_day in left.items()}


def _delete_older(session: Any, written: Mapping[date, int], own: Rows) -> None:
    """Delete rows older than the day's write time. The category names go last, so that no row becomes unfindable.

    `own` are this run's categories: a run that has overtaken this one may have deleted their names already.
    """
    found = {day: {*categories_of(session, day), *own[day]} for day in written}
    partitions = [(written[day] - 1, day, category) for day, categories in found.items() for category in categories]
    execute_all(session, _DELETE_OLDER, partitions)
    older = [(write_time - 1, day) for day, write_time in written.items()]
    execute_all(session, _DELETE_OLDER_REJECTS, older)
    execute_all(session, _FORGET_OLDER, older)


def _newest_row(session: Any, day: Slice) -> int | None:
    """The highest write time among the day's rows."""
    found = [
        session.execute(_NEWEST, [date.fromisoformat(day.name), category], timeout=_NEWEST_SECONDS).one()[0]
        for category in categories_of(session, date.fromisoformat(day.name))
    ]
    return max((newest for newest in found if newest is not None), default=None)


def categories_of(session: Any, day: date) -> list[str]:
    """The categories with rows of the day, sorted."""
    return [row.category for row in session.execute(_CATEGORIES_OF_DAY, [day])]


def rejects_of(session: Any, day: date) -> list[RefusedPin]:
    """The day's clean pins that Cassandra refused, in the order of their offsets. `session` has its keyspace set."""
    return [RefusedPin(row.ingest_date.date(), *row[1:]) for row in session.execute(_REJECTS_OF_DAY, [day])]


def sample_days(settings: Settings, categories: Mapping[date, str | None], size: int) -> dict[date, Sample]:
    """For each day a few rows of the given category, if any, and the number of refused pins."""
    with open_session(settings) as session:
        session.set_keyspace(settings.cassandra_keyspace)
        return {
            day: Sample(
                [row._asdict() for row in session.execute(_SOME_ROWS, [day, category, size])] if category else [],
                len(rejects_of(session, day)),
            )
            for day, category in categories.items()
        }
