"""The days of `pinterest_stream`: range partitions that are made ahead, and dropped when they are not kept any more.

Belongs here: making and dropping, and what dropping means for the other tables. `profile_popularity` counts what
`pinterest_stream` holds, so a day's posts leave it in the transaction that drops the day. Does not belong here: when
that is done (`stream.loop`).
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from psycopg import sql

from pinterest_platform.stores.postgres import Connection
from pinterest_platform.stores.stream_retention import kept_from

DAYS_AHEAD = 2
_LOCK_SECONDS = 10  # a reader that holds a day for longer delays its end; the stream must not wait behind us
_DAYS = """
    SELECT child.relname FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid
    WHERE inhparent = 'pinterest_stream'::regclass ORDER BY child.relname"""
_EXISTING = "SELECT name FROM unnest(%s::text[]) AS name WHERE to_regclass(name) IS NOT NULL ORDER BY name"
_KEEP_FROM = """
    INSERT INTO stream_retention AS known (kept_from) VALUES (%s)
    ON CONFLICT (only_row) DO UPDATE SET kept_from = greatest(known.kept_from, excluded.kept_from)"""
_GONE = """
    CREATE TEMPORARY TABLE gone AS
    SELECT poster_name, count(*) AS posts FROM pinterest_stream
    WHERE ingest_date < %s AND poster_name IS NOT NULL GROUP BY poster_name"""
_FORGET = (
    "UPDATE profile_popularity AS known SET posts = known.posts - gone.posts FROM gone "
    "WHERE gone.poster_name = known.poster_name",
    "DELETE FROM profile_popularity WHERE posts = 0",
)
_FORGET_FOLLOWERS = """
    UPDATE profile_popularity SET
        latest_follower_count = NULL, followers_at = NULL, followers_partition = NULL, followers_offset = NULL
    WHERE followers_at < %s::date::timestamp AT TIME ZONE 'UTC'"""
_OLD_NOTES = ("stream_rejects", "stream_duplicates", "stream_conflicts")


def create_day_partition(connection: Connection, day: date) -> None:
    """Create the day's range partition, unless it is there: to look costs less, and locks no reader out."""
    name = _name(day)
    if connection.execute("SELECT to_regclass(%s)", [name]).fetchone() != (None,):
        return
    statement = sql.SQL("CREATE TABLE {name} PARTITION OF pinterest_stream FOR VALUES FROM ({first}) TO ({next})")
    following = day + timedelta(days=1)
    connection.execute(statement.format(name=sql.Identifier(name), first=sql.Literal(day), next=sql.Literal(following)))


def existing_partitions(connection: Connection, first: date, last: date) -> list[str]:
    """The names of the partitions of these days, both included."""
    names = [_name(first + timedelta(days=number)) for number in range((last - first).days + 1)]
    rows: list[Any] = connection.execute(_EXISTING, [names]).fetchall()
    return [name for (name,) in rows]


def keep_days(connection: Connection, today: date, retention_days: int) -> list[str]:
    """Make the partitions of today and the days ahead, and drop those that are too old; returns the names of these.

    Args:
        connection: an open connection that commits each statement.
        today: the current UTC day.
        retention_days: how many days before today are kept; below 0, all of them.
    """
    with connection.transaction():
        connection.execute("LOCK TABLE stream_progress IN EXCLUSIVE MODE")  # as every batch does
        for number in range(DAYS_AHEAD + 1):
            create_day_partition(connection, today + timedelta(days=number))
        if retention_days >= 0:
            # From here on no batch writes to an older day: each asks for this, and none is under way.
            connection.execute(_KEEP_FROM, [today - timedelta(days=retention_days)])
    first_kept = kept_from(connection)
    rows: list[Any] = connection.execute(_DAYS).fetchall()
    old = [name for (name,) in rows if name < _name(first_kept)]
    if old and retention_days >= 0:
        _drop(connection, first_kept, old)
        return old
    return []


def _drop(connection: Connection, first_kept: date, partitions: list[str]) -> None:
    connection.execute("DROP TABLE IF EXISTS gone")
    connection.execute(_GONE, [first_kept])  # the long part, and it locks nothing
    with connection.transaction():
        connection.execute(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'")
        connection.execute("LOCK TABLE pinterest_stream IN ACCESS EXCLUSIVE MODE")
        for statement in _FORGET:
            connection.execute(statement)
        connection.execute(_FORGET_FOLLOWERS, [first_kept])
        for name in partitions:
            connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name)))
        for table in _OLD_NOTES:
            old = sql.SQL("DELETE FROM {} WHERE ingest_date < %s").format(sql.Identifier(table))
            connection.execute(old, [first_kept])
    connection.execute("DROP TABLE gone")


def _name(day: date) -> str:
    return f"pinterest_stream_{day:%Y_%m_%d}"
