"""Day partitions of `pinterest_stream`: created ahead of time, and dropped after the retention.

`profile_popularity` counts the rows of `pinterest_stream`, so a row leaves both in one transaction.
"""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import takewhile
from typing import Any

from psycopg import sql
from psycopg.errors import LockNotAvailable

from pinterest_platform.pins.calendar import MISDATED_DAY
from pinterest_platform.stores.postgres import Connection
from pinterest_platform.stores.stream_retention import kept_from
from pinterest_platform.stream.progress import lock_batches

DAYS_AHEAD = 2
# While this waits for readers of an old day, queries of the whole table wait behind it. So it waits only briefly.
_LOCK_MILLISECONDS = 500
_ATTEMPTS = 5
_PAUSE_SECONDS = 1.0
# About how many rows are deleted in one transaction, while batches wait.
CHUNK_ROWS = 10_000
# CREATE TABLE ... PARTITION OF would wait for every reader of any day, and make all others wait behind it.
_MAKE_DAY = (
    sql.SQL("CREATE TABLE {name} (LIKE pinterest_stream INCLUDING DEFAULTS)"),
    sql.SQL("ALTER TABLE pinterest_stream ATTACH PARTITION {name} FOR VALUES FROM ({first}) TO ({next})"),
)
_DAYS = """
    SELECT child.relname FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid
    WHERE inhparent = 'pinterest_stream'::regclass ORDER BY child.relname"""
_EXISTING = "SELECT name FROM unnest(%s::text[]) AS name WHERE to_regclass(name) IS NOT NULL ORDER BY name"
_KEEP_FROM = """
    INSERT INTO stream_retention AS known (kept_from) VALUES (%s)
    ON CONFLICT (only_row) DO UPDATE SET kept_from = greatest(known.kept_from, excluded.kept_from)"""
# The long part; it takes no locks. All rows of a poster are in one chunk, so no row is left whose followers still
# count.
_LEAVING = sql.SQL(
    """
    CREATE TEMPORARY TABLE leaving AS
    SELECT poster_name, array_agg(ctid) AS places,
        (sum(count(*)) OVER (ORDER BY poster_name COLLATE "C"))::bigint / {chunk_rows} AS chunk
    FROM {day} WHERE poster_name IS NOT NULL GROUP BY poster_name"""
)
_LEAVE = sql.SQL(
    """
    WITH gone AS (
        DELETE FROM {day} WHERE ctid = ANY (ARRAY(SELECT unnest(places) FROM leaving WHERE chunk = {chunk}))
        RETURNING poster_name
    ), counted AS (
        SELECT poster_name, count(*) AS posts FROM gone GROUP BY poster_name
    ), changed AS (
        UPDATE profile_popularity AS known SET posts = known.posts - counted.posts
        FROM counted WHERE counted.poster_name = known.poster_name
        RETURNING known.poster_name
    )
    SELECT count(*) FROM changed"""
)
# Days are dropped in order, so followers counted on this day or before belong to no day that is kept.
_FORGET_FOLLOWERS = sql.SQL(
    """
    UPDATE profile_popularity AS known SET
        latest_follower_count = NULL, followers_at = NULL, followers_partition = NULL, followers_offset = NULL
    FROM leaving
    WHERE leaving.chunk = {chunk} AND leaving.poster_name = known.poster_name
      AND known.followers_at < {following}::date::timestamp AT TIME ZONE 'UTC'"""
)
_NAME_FORMAT = "pinterest_stream_%Y_%m_%d"
_OLD_NOTES = ("stream_rejects", "stream_duplicates", "stream_conflicts")


def create_day_partition(connection: Connection, day: date) -> None:
    """Create the day's range partition if it does not exist. The check is cheap and blocks no reader."""
    name = _name(day)
    if connection.execute("SELECT to_regclass(%s)", [name]).fetchone() != (None,):
        return
    following = day + timedelta(days=1)
    names = {"name": sql.Identifier(name), "first": sql.Literal(day), "next": sql.Literal(following)}
    with connection.transaction():
        for statement in _MAKE_DAY:
            connection.execute(statement.format(**names))


def existing_partitions(connection: Connection, first: date, last: date) -> list[str]:
    """The existing partitions of these days, both included."""
    names = [_name(first + timedelta(days=number)) for number in range((last - first).days + 1)]
    rows: list[Any] = connection.execute(_EXISTING, [names]).fetchall()
    return [name for (name,) in rows]


def keep_days(connection: Connection, today: date, retention_days: int, chunk_rows: int = CHUNK_ROWS) -> list[str]:
    """Create the partitions of today and the days ahead, and drop days after the retention; returns the dropped names.

    A day is emptied in chunks. Each is one transaction that also takes its posts out of the profiles. If this is
    cancelled or killed, the next call continues.

    Args:
        connection: an open connection in autocommit mode.
        today: the current UTC day.
        retention_days: how many days before today are kept; below 0, all of them.
        chunk_rows: about how many rows one transaction deletes; a poster's rows of a day stay together.
    """
    with connection.transaction():
        lock_batches(connection)
        for number in range(DAYS_AHEAD + 1):
            create_day_partition(connection, today + timedelta(days=number))
        if retention_days >= 0:
            # From now on no batch writes to an older day: each reads this, and none is in progress.
            connection.execute(_KEEP_FROM, [today - timedelta(days=retention_days)])
    if retention_days < 0:
        return []
    first_kept = kept_from(connection)
    _forget_notes(connection, first_kept)
    rows: list[Any] = connection.execute(_DAYS).fetchall()
    old = [name for (name,) in rows if name < _name(first_kept)]
    for name in old:
        _empty(connection, name, chunk_rows)
    # Stop at the first one that readers hold, since they probably hold the next too. The next call drops the rest.
    return list(takewhile(partial(_drop_empty, connection), old))


def _empty(connection: Connection, name: str, chunk_rows: int) -> None:
    """Delete the day's posts chunk by chunk, also from the profiles."""
    day, following = sql.Identifier(name), _day(name) + timedelta(days=1)
    connection.execute("DROP TABLE IF EXISTS leaving")
    connection.execute(_LEAVING.format(day=day, chunk_rows=sql.Literal(chunk_rows)))
    connection.execute("CREATE INDEX ON leaving (chunk)")
    connection.execute("ANALYZE leaving")
    chunks: list[Any] = connection.execute("SELECT DISTINCT chunk FROM leaving ORDER BY chunk").fetchall()
    for (chunk,) in chunks:
        parts = {"day": day, "chunk": sql.Literal(chunk), "following": sql.Literal(following)}
        with connection.transaction():
            lock_batches(connection)  # no batch changes the same profiles
            for statement in (_LEAVE, _FORGET_FOLLOWERS):
                connection.execute(statement.format(**parts))
            connection.execute("DELETE FROM profile_popularity WHERE posts = 0")
    connection.execute("DROP TABLE leaving")


def _drop_empty(connection: Connection, name: str) -> bool:
    """Drop the day's partition; False if readers hold it."""
    for attempt in range(_ATTEMPTS):
        time.sleep(_PAUSE_SECONDS if attempt else 0)  # lets queries pass that waited behind the last attempt
        with suppress(LockNotAvailable), connection.transaction():
            connection.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(sql.Literal(f"{_LOCK_MILLISECONDS}ms")))
            connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name)))
            return True
    return False


def _forget_notes(connection: Connection, first_kept: date) -> None:
    """Delete rejects, duplicates and conflicts of dropped days. Misdated ones belong to no day and stay."""
    for table in _OLD_NOTES:
        old = sql.SQL("DELETE FROM {} WHERE ingest_date < %s AND ingest_date <> %s").format(sql.Identifier(table))
        connection.execute(old, [first_kept, MISDATED_DAY])


def _name(day: date) -> str:
    return day.strftime(_NAME_FORMAT)


def _day(name: str) -> date:
    return datetime.strptime(name, _NAME_FORMAT).replace(tzinfo=UTC).date()
