"""Stores a micro-batch in one PostgreSQL transaction: rows, rejects, duplicates, profiles and the next offsets.

Offsets are committed with the rows, so a batch that is replayed, half written or sent twice changes nothing. The
transaction checks who owns the stream, so a run that was replaced writes nothing.

The batch is copied into a temporary table, and all other statements work on that table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from psycopg import sql

from pinterest_platform.pins.calendar import MISDATED_DAY
from pinterest_platform.pins.cleaning import CLEAN_COLUMNS
from pinterest_platform.pins.order import ORDER
from pinterest_platform.stores.postgres import Connection
from pinterest_platform.stores.stream_digests import content_identity
from pinterest_platform.stores.stream_retention import kept_from
from pinterest_platform.stream.copy_lines import LINE_COLUMNS
from pinterest_platform.stream.day_partitions import create_day_partition
from pinterest_platform.stream.event_identity import VERDICT_COLUMNS, check_events
from pinterest_platform.stream.lease import demand_ownership
from pinterest_platform.stream.profiles import NEWEST_FIRST
from pinterest_platform.stream.progress import advance, delete_already_committed, lock_batches

_COLUMNS = sql.SQL(", ").join(map(sql.Identifier, CLEAN_COLUMNS))
_STAGE = sql.SQL(
    """
    CREATE TEMPORARY TABLE IF NOT EXISTS staged ON COMMIT DELETE ROWS
    AS SELECT {columns}, NULL::text AS original, NULL::text AS reason, {verdict} FROM pinterest_stream WITH NO DATA"""
).format(columns=_COLUMNS, verdict=VERDICT_COLUMNS)
_COPY = sql.SQL("COPY staged ({columns}) FROM STDIN").format(
    columns=sql.SQL(", ").join(map(sql.Identifier, LINE_COLUMNS))
)
_COUNT_LATE = """
    WITH late AS (DELETE FROM staged WHERE ingest_date < %s AND ingest_date <> %s RETURNING ingest_date)
    INSERT INTO stream_late_records AS known (ingest_date, records) SELECT ingest_date, count(*) FROM late GROUP BY 1
    ON CONFLICT (ingest_date) DO UPDATE SET records = known.records + excluded.records, last_at = clock_timestamp()"""
_SUMMARY = """
    SELECT count(*) FILTER (WHERE reason IS NULL), count(*) FILTER (WHERE reason IS NOT NULL),
        coalesce(array_agg(DISTINCT ingest_date) FILTER (WHERE reason IS NULL), '{}'), min(ingested_at)
    FROM staged"""

# Posts count every stored row. The follower count is that of the newest post that has one.
_MERGE = sql.SQL(
    """
    WITH inserted AS (
        INSERT INTO pinterest_stream ({columns})
        SELECT {columns} FROM staged WHERE reason IS NULL AND verdict IS DISTINCT FROM 'repeat'
        ORDER BY kafka_partition, kafka_offset
        ON CONFLICT DO NOTHING
        RETURNING poster_name, follower_count, ingested_at, kafka_partition, kafka_offset
    ), posted AS (
        SELECT poster_name, count(*) AS posts, max(ingested_at) AS last_posted_at
        FROM inserted WHERE poster_name IS NOT NULL GROUP BY poster_name
    ), followed AS (
        SELECT DISTINCT ON (poster_name) poster_name, follower_count, ingested_at, kafka_partition, kafka_offset
        FROM inserted WHERE poster_name IS NOT NULL AND follower_count IS NOT NULL
        ORDER BY poster_name, {newest_first}
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
            SELECT count, ingested_at, kafka_partition, kafka_offset FROM (VALUES
                (known.latest_follower_count, known.followers_at, known.followers_partition, known.followers_offset),
                (excluded.latest_follower_count, excluded.followers_at, excluded.followers_partition,
                 excluded.followers_offset)
            ) AS candidates (count, ingested_at, kafka_partition, kafka_offset)
            ORDER BY {newest_first} LIMIT 1
        )
    """
).format(columns=_COLUMNS, newest_first=NEWEST_FIRST)
_DUPLICATES = sql.SQL(
    """
    INSERT INTO stream_duplicates (
        ingest_date, ingested_at, kafka_partition, kafka_offset, event_id, content, of_date, of_partition, of_offset,
        is_earlier
    )
    SELECT staged.ingest_date, staged.ingested_at, staged.kafka_partition, staged.kafka_offset, staged.event_id,
        {content}, staged.of_date, staged.of_partition, staged.of_offset,
        coalesce(({staged_order}) < ({stored_order}), false)
    FROM staged LEFT JOIN LATERAL (
        SELECT ingested_at, kafka_offset, kafka_partition FROM pinterest_stream
        WHERE ingest_date = staged.of_date AND kafka_partition = staged.of_partition AND kafka_offset = staged.of_offset
        LIMIT 1
    ) AS stored ON true
    WHERE staged.verdict = 'repeat'
    ON CONFLICT DO NOTHING"""
).format(
    content=content_identity("staged"),
    staged_order=sql.SQL(", ").join(sql.Identifier("staged", name) for name in ORDER),
    stored_order=sql.SQL(", ").join(sql.Identifier("stored", name) for name in ORDER),
)
_CONFLICTS = """
    INSERT INTO stream_conflicts (
        ingest_date, kafka_partition, kafka_offset, event_id, other_date, other_partition, other_offset
    )
    SELECT ingest_date, kafka_partition, kafka_offset, event_id, of_date, of_partition, of_offset
    FROM staged WHERE verdict = 'conflict'
    ON CONFLICT DO NOTHING"""
_REJECTS = """
    INSERT INTO stream_rejects (
        ingested_at, ingest_date, kafka_topic, kafka_partition, kafka_offset, original, reason
    )
    SELECT ingested_at, ingest_date, %s, kafka_partition, kafka_offset, original, reason
    FROM staged WHERE reason IS NOT NULL
    ON CONFLICT DO NOTHING"""


@dataclass(frozen=True)
class BatchOutcome:
    """What a micro-batch contained. Records that were stored before are not counted.

    `duplicates` are events that are stored already, with the same content. `conflicts` are rows that reuse the event id
    of another record with other content. `late` are records of days that are no longer kept: counted in
    `stream_late_records`, not stored. `oldest` is when the oldest record was received.
    """

    rows: int = 0
    rejects: int = 0
    duplicates: int = 0
    conflicts: int = 0
    late: int = 0
    oldest: datetime | None = field(default=None, compare=False)


def write_batch(connection: Connection, topic: str, owner: str, lines: Sequence[str]) -> BatchOutcome:
    """Store one micro-batch and its next offsets in one transaction.

    Args:
        connection: an open connection, not in a transaction.
        topic: of the progress.
        owner: the run that writes; it must own the stream.
        lines: `copy_lines` of cleaned records.

    Raises:
        StreamTakenOverError: another run owns the stream; nothing was written.
    """
    with connection.transaction():
        lock_batches(connection)  # a second stream waits here, and then finds nothing left to store
        demand_ownership(connection, topic, owner)
        _copy(connection, lines)
        delete_already_committed(connection, topic)
        advance(connection, topic)
        first_kept = kept_from(connection)
        late = _count_late(connection, first_kept)
        pins, rejects, days, oldest = _summary(connection)
        duplicates, conflicts = _store_pins(connection, topic, days, first_kept) if pins else (0, 0)
        if rejects:
            connection.execute(_REJECTS, [topic])
    return BatchOutcome(pins - duplicates, rejects, duplicates, conflicts, late, oldest)


def _copy(connection: Connection, lines: Sequence[str]) -> None:
    connection.execute(_STAGE)
    with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
        copy.write("".join(f"{line}\n" for line in lines))


def _count_late(connection: Connection, first_kept: date) -> int:
    late = [first_kept, MISDATED_DAY]  # misdated records belong to no day and are kept
    if not connection.execute("SELECT FROM staged WHERE ingest_date < %s AND ingest_date <> %s LIMIT 1", late).rowcount:
        return 0
    [(before,)] = connection.execute("SELECT count(*) FROM staged").fetchall()
    connection.execute(_COUNT_LATE, late)
    [(after,)] = connection.execute("SELECT count(*) FROM staged").fetchall()
    return int(str(before)) - int(str(after))


def _summary(connection: Connection) -> tuple[int, int, list[date], datetime | None]:
    row: Any = connection.execute(_SUMMARY).fetchone()
    pins, rejects, days, oldest = row
    return pins, rejects, days, oldest


def _store_pins(connection: Connection, topic: str, days: Sequence[date], first_kept: date) -> tuple[int, int]:
    """Store the pins and update the profiles; returns the numbers of repeats and conflicts."""
    duplicates = conflicts = 0
    for day in sorted(days):
        create_day_partition(connection, day)
    if check_events(connection, topic, sorted(days), first_kept):
        duplicates = connection.execute(_DUPLICATES).rowcount
        conflicts = connection.execute(_CONFLICTS).rowcount
    connection.execute(_MERGE)
    return duplicates, conflicts
