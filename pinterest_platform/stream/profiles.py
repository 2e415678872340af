"""Recounts `profile_popularity` from `pinterest_stream`: to check it, and to repair it."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from psycopg import sql

from pinterest_platform.pins.order import ORDER
from pinterest_platform.settings import Settings
from pinterest_platform.stores.postgres import Connection, connect
from pinterest_platform.stream.progress import lock_batches

CHUNK_PROFILES = 10_000  # profiles repaired in one transaction, while batches wait
_ROUNDS = 5
_RECOUNT_LOCK = 7_463_802  # any number; a recount reads the whole stream, so only one runs at a time
_COLUMNS = sql.SQL(
    "poster_name, posts, last_posted_at, latest_follower_count, followers_at, followers_partition, followers_offset"
)
# A profile's followers are those of its newest post that has a count.
NEWEST_FIRST = sql.SQL(", ").join(sql.SQL("{} DESC NULLS LAST").format(sql.Identifier(name)) for name in ORDER)
_RECOUNT = sql.SQL(
    """
    WITH posted AS (
        SELECT poster_name, count(*) AS posts, max(ingested_at) AS last_posted_at
        FROM pinterest_stream WHERE poster_name IS NOT NULL GROUP BY poster_name
    ), followed AS (
        SELECT DISTINCT ON (poster_name) poster_name, follower_count AS latest_follower_count,
            ingested_at AS followers_at, kafka_partition AS followers_partition, kafka_offset AS followers_offset
        FROM pinterest_stream WHERE poster_name IS NOT NULL AND follower_count IS NOT NULL
        ORDER BY poster_name, {newest_first}
    )
    SELECT {columns} FROM posted LEFT JOIN followed USING (poster_name)"""
).format(columns=_COLUMNS, newest_first=NEWEST_FIRST)
# One statement sees one moment: batches that are committed meanwhile are in neither side or in both.
_DIFFERENCES = sql.SQL(
    """
    WITH recount AS ({recount}), known AS (SELECT {columns} FROM profile_popularity)
    SELECT poster_name FROM (
        (SELECT * FROM recount EXCEPT SELECT * FROM known) UNION ALL (SELECT * FROM known EXCEPT SELECT * FROM recount)
    ) AS different GROUP BY poster_name ORDER BY poster_name"""
).format(recount=_RECOUNT, columns=_COLUMNS)


# The profiles that differ in one snapshot, with both rows. The long part; it takes no locks.
_DIFFERING = sql.SQL(
    """
    CREATE TEMPORARY TABLE differing AS
    WITH recount AS ({recount}), counted AS (
        SELECT poster_name, (poster_name, posts, latest_follower_count, last_posted_at,
            followers_at, followers_partition, followers_offset)::profile_popularity AS counted
        FROM recount
    )
    SELECT poster_name, counted, known, row_number() OVER () / {chunk_profiles} AS chunk
    FROM counted FULL JOIN (SELECT poster_name, known FROM profile_popularity AS known) AS stored USING (poster_name)
    WHERE counted IS DISTINCT FROM known"""
)
# Batches have continued since that snapshot. Posts change by the difference, which stays right after new posts.
# Followers that changed meanwhile stay; the next round checks them again.
_MEND = (
    sql.SQL(
        """
        UPDATE profile_popularity AS now SET
            posts = now.posts + coalesce((counted).posts, 0) - (known).posts,
            last_posted_at = CASE WHEN now.last_posted_at = (known).last_posted_at
                THEN coalesce((counted).last_posted_at, now.last_posted_at) ELSE now.last_posted_at END,
            (latest_follower_count, followers_at, followers_partition, followers_offset) = (
                SELECT count, at, part, off FROM (VALUES
                    (now.latest_follower_count, now.followers_at, now.followers_partition, now.followers_offset, true),
                    ((counted).latest_follower_count, (counted).followers_at, (counted).followers_partition,
                     (counted).followers_offset, false)
                ) AS either (count, at, part, off, is_now)
                WHERE is_now = ((now.latest_follower_count, now.followers_at, now.followers_offset) IS DISTINCT FROM
                    ((known).latest_follower_count, (known).followers_at, (known).followers_offset))
            )
        FROM differing
        WHERE chunk = {chunk} AND differing.poster_name = now.poster_name AND (known).poster_name IS NOT NULL"""
    ),
    sql.SQL(
        """
        INSERT INTO profile_popularity AS now
        SELECT (counted).* FROM differing WHERE chunk = {chunk} AND (known).poster_name IS NULL
        ON CONFLICT (poster_name) DO UPDATE SET posts = now.posts + excluded.posts"""
    ),
    sql.SQL("DELETE FROM profile_popularity WHERE posts <= 0"),
)


class ProfilesDifferError(Exception):
    """Profiles differ from a recount and cannot be repaired."""


class RecountUnderWayError(Exception):
    """Another recount is reading the whole stream already."""


def differing_profiles(connection: Connection) -> list[str]:
    """The posters whose row differs from a recount; empty if none does. It reads the whole stream.

    Raises:
        RecountUnderWayError: another recount is in progress.
    """
    [(is_ours,)] = connection.execute("SELECT pg_try_advisory_lock(%s)", [_RECOUNT_LOCK]).fetchall()
    if not is_ours:
        raise RecountUnderWayError("Another recount of profile_popularity is in progress.")
    try:
        rows: list[Any] = connection.execute(_DIFFERENCES).fetchall()
    finally:
        connection.execute("SELECT pg_advisory_unlock(%s)", [_RECOUNT_LOCK])
    return [name for (name,) in rows]


def rebuild_profiles(settings: Settings, chunk_profiles: int = CHUNK_PROFILES) -> int:
    """Recount all profiles and repair those that differ, while the stream continues; returns the number of profiles.

    Raises:
        RecountUnderWayError: another rebuild or a check is recounting.
        ProfilesDifferError: profiles still differ after several rounds.
    """
    with closing(connect(settings, autocommit=True)) as connection:
        for _ in range(_ROUNDS):
            if not differing_profiles(connection):
                [(profiles,)] = connection.execute("SELECT count(*) FROM profile_popularity").fetchall()
                return int(str(profiles))
            _mend(connection, chunk_profiles)
    raise ProfilesDifferError(
        f"After {_ROUNDS} recounts some profiles still differ: something other than the stream changes "
        "profile_popularity. Find it (pg_stat_activity), then run the job again."
    )


def _mend(connection: Connection, chunk_profiles: int) -> None:
    connection.execute("DROP TABLE IF EXISTS differing")
    parts = {"recount": _RECOUNT, "chunk_profiles": sql.Literal(chunk_profiles)}
    connection.execute(_DIFFERING.format(**parts))
    connection.execute("CREATE INDEX ON differing (chunk)")
    connection.execute("ANALYZE differing")
    chunks: list[Any] = connection.execute("SELECT DISTINCT chunk FROM differing ORDER BY chunk").fetchall()
    for (chunk,) in chunks:
        with connection.transaction():
            lock_batches(connection)
            for statement in _MEND:
                connection.execute(statement.format(chunk=sql.Literal(chunk)))
