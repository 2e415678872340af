"""`profile_popularity` from `pinterest_stream` alone: what it should be, where it is not, and how it is made anew.

Belongs here: the recount. Does not belong here: the update that each micro-batch makes (`stream.sink`).
"""

from __future__ import annotations

from contextlib import closing
from typing import Any

from psycopg import sql

from pinterest_platform.settings import Settings
from pinterest_platform.stores.postgres import Connection, connect

NAMED = 5
_COLUMNS = sql.SQL(
    "poster_name, posts, last_posted_at, latest_follower_count, followers_at, followers_partition, followers_offset"
)
_RECOUNT = sql.SQL(
    """
    WITH posted AS (
        SELECT poster_name, count(*) AS posts, max(ingested_at) AS last_posted_at
        FROM pinterest_stream WHERE poster_name IS NOT NULL GROUP BY poster_name
    ), followed AS (
        SELECT DISTINCT ON (poster_name) poster_name, follower_count AS latest_follower_count,
            ingested_at AS followers_at, kafka_partition AS followers_partition, kafka_offset AS followers_offset
        FROM pinterest_stream WHERE poster_name IS NOT NULL AND follower_count IS NOT NULL
        ORDER BY poster_name, ingested_at DESC, kafka_partition DESC, kafka_offset DESC
    )
    SELECT {columns} FROM posted LEFT JOIN followed USING (poster_name)"""
).format(columns=_COLUMNS)
# One statement sees one moment: batches that are committed meanwhile are in neither side or in both.
_DIFFERENCES = sql.SQL(
    """
    WITH recount AS ({recount}), known AS (SELECT {columns} FROM profile_popularity)
    SELECT poster_name FROM (
        (SELECT * FROM recount EXCEPT SELECT * FROM known) UNION ALL (SELECT * FROM known EXCEPT SELECT * FROM recount)
    ) AS different GROUP BY poster_name ORDER BY poster_name"""
).format(recount=_RECOUNT, columns=_COLUMNS)


def differing_profiles(connection: Connection) -> list[str]:
    """The posters whose row is not what a recount gives; empty where all is well. It reads the whole stream."""
    rows: list[Any] = connection.execute(_DIFFERENCES).fetchall()
    return [name for (name,) in rows]


def rebuild_profiles(settings: Settings) -> int:
    """Count every profile anew; returns how many there are. Readers see the old ones until then, batches wait."""
    with closing(connect(settings)) as connection, connection.transaction():
        connection.execute("LOCK TABLE stream_progress IN EXCLUSIVE MODE")  # as every batch does
        connection.execute("DELETE FROM profile_popularity")
        insert = sql.SQL("INSERT INTO profile_popularity ({columns}) {recount}")
        return connection.execute(insert.format(columns=_COLUMNS, recount=_RECOUNT)).rowcount
