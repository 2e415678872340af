"""One micro-batch in one PostgreSQL transaction: rows, rejects, duplicates, profiles and the next offsets.

Belongs here: the statements and their order. Because the offsets are committed with the rows, a batch that is replayed,
half written or sent twice changes nothing. Does not belong here: where the rows come from (`stream.query`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from pinterest_platform.pins.cleaning import CLEAN_COLUMNS, REJECT_COLUMNS
from pinterest_platform.stores.postgres import Connection, create_day_partition

Row = Mapping[str, Any]

_COLUMNS = sql.SQL(", ").join(map(sql.Identifier, CLEAN_COLUMNS))
_STAGE = sql.SQL(
    """
    CREATE TEMPORARY TABLE IF NOT EXISTS staged ON COMMIT DELETE ROWS
    AS SELECT {columns} FROM pinterest_stream WITH NO DATA"""
).format(columns=_COLUMNS)
_COPY = sql.SQL("COPY staged ({columns}) FROM STDIN").format(columns=_COLUMNS)

# Posts count every stored row. The follower count is that of the newest post by event time, then offset, that has one.
_MERGE = sql.SQL(
    """
    WITH inserted AS (
        INSERT INTO pinterest_stream ({columns}) SELECT {columns} FROM staged ORDER BY kafka_partition, kafka_offset
        ON CONFLICT DO NOTHING
        RETURNING poster_name, follower_count, ingested_at, kafka_partition, kafka_offset
    ), posted AS (
        SELECT poster_name, count(*) AS posts, max(ingested_at) AS last_posted_at
        FROM inserted WHERE poster_name IS NOT NULL GROUP BY poster_name
    ), followed AS (
        SELECT DISTINCT ON (poster_name) poster_name, follower_count, ingested_at, kafka_partition, kafka_offset
        FROM inserted WHERE poster_name IS NOT NULL AND follower_count IS NOT NULL
        ORDER BY poster_name, ingested_at DESC, kafka_partition DESC, kafka_offset DESC
    )
    INSERT INTO profile_popularity AS known (
        poster_name, posts, last_posted_at, latest_follower_count, followers_at, followers_partition, followers_offset
    )
    SELECT poster_name, posts, last_posted_at, follower_count, ingested_at, kafka_partition, kafka_offset
    FROM posted LEFT JOIN followed USING (poster_name) ORDER BY poster_name
    ON CONFLICT (poster_name) DO UPDATE SET
        posts = known.posts + excluded.posts,
        last_posted_at = greatest(known.last_posted_at, excluded.last_posted_at),
        (latest_follower_count, followers_at, followers_partition, followers_offset) = (
            SELECT count, at, part, off FROM (VALUES
                (known.latest_follower_count, known.followers_at, known.followers_partition, known.followers_offset),
                (excluded.latest_follower_count, excluded.followers_at, excluded.followers_partition,
                 excluded.followers_offset)
            ) AS candidates (count, at, part, off)
            ORDER BY at DESC NULLS LAST, part DESC, off DESC LIMIT 1
        )
    """
).format(columns=_COLUMNS)
_DUPLICATES = """
    INSERT INTO stream_duplicates (ingest_date, kafka_partition, kafka_offset, event_id)
    SELECT ingest_date, kafka_partition, kafka_offset, event_id FROM staged
    WHERE NOT EXISTS (
        SELECT FROM pinterest_stream AS stored
        WHERE stored.ingest_date = staged.ingest_date
          AND stored.kafka_partition = staged.kafka_partition AND stored.kafka_offset = staged.kafka_offset
    )
    ON CONFLICT DO NOTHING"""
_REJECT = sql.SQL("INSERT INTO stream_rejects ({columns}) VALUES ({values}) ON CONFLICT DO NOTHING").format(
    columns=sql.SQL(", ").join(map(sql.Identifier, REJECT_COLUMNS)),
    values=sql.SQL(", ").join(map(sql.Placeholder, REJECT_COLUMNS)),
)
_PROGRESS = "SELECT kafka_partition, next_offset FROM stream_progress WHERE topic = %s"
# Two streams at once would wait for each other here, and the second would find nothing left to store.
_LOCK_PROGRESS = "LOCK TABLE stream_progress IN EXCLUSIVE MODE"
_ADVANCE = """
    INSERT INTO stream_progress (topic, kafka_partition, next_offset) VALUES (%s, %s, %s)
    ON CONFLICT (topic, kafka_partition)
    DO UPDATE SET next_offset = excluded.next_offset, updated_at = clock_timestamp()"""


@dataclass(frozen=True)
class BatchOutcome:
    """What one micro-batch brought: stored rows, rejects and duplicates. Records seen before are in none of them."""

    rows: int
    rejects: int
    duplicates: int


def next_offsets(connection: Connection, topic: str) -> dict[int, int]:
    """Where the stream goes on, per partition; empty before its first batch."""
    rows: list[Any] = connection.execute(_PROGRESS, [topic]).fetchall()
    return dict(rows)


def write_batch(connection: Connection, topic: str, cleaned: Iterable[Row]) -> BatchOutcome:
    """Store one micro-batch in one transaction, and with it the offsets to go on from.

    Args:
        connection: an open connection, not in a transaction.
        topic: whose progress this is.
        cleaned: rows with `CLEAN_COLUMNS`, `kafka_topic`, `original` and `reason`; those with a reason are rejects.
    """
    with connection.transaction():
        connection.execute(_LOCK_PROGRESS)
        progress = next_offsets(connection, topic)
        fresh = [row for row in cleaned if row["kafka_offset"] >= progress.get(row["kafka_partition"], 0)]
        pins = [row for row in fresh if row["reason"] is None]
        rejects = [row for row in fresh if row["reason"] is not None]
        duplicates = _store_pins(connection, pins)
        _store_rejects(connection, rejects)
        _advance(connection, topic, fresh)
    return BatchOutcome(rows=len(pins) - duplicates, rejects=len(rejects), duplicates=duplicates)


def _store_pins(connection: Connection, pins: Sequence[Row]) -> int:
    """Store the pins and what they say of their posters; returns how many were duplicates."""
    for day in sorted({row["ingest_date"] for row in pins}):
        create_day_partition(connection, day)
    connection.execute(_STAGE)
    with connection.cursor() as cursor:
        with cursor.copy(_COPY) as copy:
            for row in pins:
                copy.write_row([row[name] for name in CLEAN_COLUMNS])
        cursor.execute(_MERGE)
        cursor.execute(_DUPLICATES)
        return cursor.rowcount


def _store_rejects(connection: Connection, rejects: Sequence[Row]) -> None:
    rows = [{name: _storable(row[name]) for name in REJECT_COLUMNS} for row in rejects]
    with connection.cursor() as cursor:
        cursor.executemany(_REJECT, rows)


def _storable(value: Any) -> Any:
    # PostgreSQL has no NUL in text; the raw object in S3 keeps the record as it came.
    return value.replace("\x00", "\N{SYMBOL FOR NULL}") if isinstance(value, str) else value


def _advance(connection: Connection, topic: str, rows: Iterable[Row]) -> None:
    ends: dict[int, int] = {}
    for row in rows:
        partition = row["kafka_partition"]
        ends[partition] = max(ends.get(partition, 0), row["kafka_offset"] + 1)
    for partition, end in sorted(ends.items()):
        connection.execute(_ADVANCE, [topic, partition, end])
