"""Serving: a day's clean pins as a slice of the Cassandra table `pinterest_batch`.

Belongs here: how a slice is replaced while people read it. The new rows are written with one write time, which is above
those of all that the slice has (`serving.write_times`). Then everything of that day that is older is deleted, a whole
partition at a time: rows that are no longer part of the day vanish, the new ones stay, no reader sees an empty day, and
running it again, or finishing a run that was killed, changes nothing. Does not belong here: how rows are written, and
those that Cassandra refuses (`serving.pin_rows`).
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
_NEWEST_SECONDS = 120.0  # a partition is read for it, once in the life of a slice
_ADD_REJECT = """
    INSERT INTO pinterest_batch_rejects (ingest_date, kafka_partition, kafka_offset, unique_id, category, reason)
    VALUES (?, ?, ?, ?, ?, ?) USING TIMESTAMP ?"""
_DELETE_OLDER_REJECTS = "DELETE FROM pinterest_batch_rejects USING TIMESTAMP ? WHERE ingest_date = ?"
_REJECTS_OF_DAY = """
    SELECT ingest_date, kafka_partition, kafka_offset, unique_id, category, reason
    FROM pinterest_batch_rejects WHERE ingest_date = %s"""
Rows = dict[date, dict[str, int]]


@dataclass(frozen=True)
class Look:
    """A few of a day's rows, and how many clean pins of the day Cassandra has refused."""

    rows: list[dict[str, Any]]
    refused: int


def replace_batch_slices(
    pins: DataFrame, settings: Settings, days: Sequence[date], clock: Callable[[], float] = time.time
) -> Rows:
    """Make the rows that `pinterest_batch` has of the days those of `pins`; returns how many were written, by category.

    All days in one write: a Spark job costs a second, whatever its size. How many rows Cassandra then has is for the
    account to say: counting a partition of millions there times out. What Cassandra refuses is in `rejects_of`.

    Of two runs of a day at once, the one that began later has the slice in the end, whichever of them ends last.

    Args:
        pins: the days' clean pins, one row a pin and day, with `CLEAN_COLUMNS`.
        settings: where Cassandra is.
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
        # Named before they are filled: a run that dies in between must not leave rows that nobody finds again.
        categories = [(day, category, write_time) for day in days for category in rows[day]]
        unnamed = attempt_all(session, _ADD_CATEGORY, categories)  # what is refused as a name, is refused as a key too
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
    """Categories of which nothing is left are left out."""
    left = {day: dict(of_day) for day, of_day in rows.items()}
    for pin in refused:
        left[pin.ingest_date][pin.category] -= 1
    return {day: {category: count for category, count in of_day.items() if count} for day, of_day in left.items()}


def _delete_older(session: Any, written: Mapping[date, int], own: Rows) -> None:
    """Delete what is older than the write time of each day; the names of its partitions last, for the same reason.

    `own` categories are those of this run: one that has overtaken it may have forgotten their names before.
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
    """The categories that the day has rows of, in order."""
    return [row.category for row in session.execute(_CATEGORIES_OF_DAY, [day])]


def rejects_of(session: Any, day: date) -> list[RefusedPin]:
    """The day's clean pins that Cassandra refused, in the order of their offsets; `session` has its keyspace set."""
    return [RefusedPin(row.ingest_date.date(), *row[1:]) for row in session.execute(_REJECTS_OF_DAY, [day])]


def look_at_days(settings: Settings, categories: Mapping[date, str | None], size: int) -> dict[date, Look]:
    """A few rows of one category of each day, where there is one, and how many rows of the day were refused."""
    with open_session(settings) as session:
        session.set_keyspace(settings.cassandra_keyspace)
        return {
            day: Look(
                [row._asdict() for row in session.execute(_SOME_ROWS, [day, category, size])] if category else [],
                len(rejects_of(session, day)),
            )
            for day, category in categories.items()
        }
