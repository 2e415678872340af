"""The current state of the stream's tables: row counts and samples for the UI, cheap however much is stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from psycopg.rows import dict_row

from pinterest_platform.pins.fields import EVENT_ID, PIN_FIELDS
from pinterest_platform.stores.postgres import Connection

COLUMN_TYPES = {
    **{
        each.name: each.type.value if each.is_nullable else f"{each.type.value} NOT NULL"
        for each in (*PIN_FIELDS, EVENT_ID)
    },
    "ingested_at": "timestamptz NOT NULL",
    "ingest_date": "date NOT NULL",
    "kafka_partition": "integer NOT NULL",
    "kafka_offset": "bigint NOT NULL",
}
"""SQL types of the clean columns of `pinterest_stream`, as its migrations have created them."""

_COUNTED_EXACTLY = 200_000
_SAMPLED_ROWS = 5
# As of the last ANALYZE; counting many millions of rows every few minutes would take too long.
_ESTIMATE = """
    SELECT coalesce(sum(greatest(child.reltuples, 0)), 0)::bigint
    FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid WHERE inhparent = 'pinterest_stream'::regclass"""
# By offsets, which the primary key finds. Sorting by time would read the whole day.
_NEWEST = """
    SELECT stored.poster_name, stored.category, stored.title, stored.follower_count, stored.ingested_at,
        stored.committed_at
    FROM stream_progress AS done JOIN pinterest_stream AS stored
        ON stored.kafka_partition = done.kafka_partition AND stored.kafka_offset >= done.next_offset - %s
    WHERE stored.ingest_date >= (done.updated_at AT TIME ZONE 'UTC')::date - 1
    ORDER BY stored.ingested_at DESC LIMIT 5"""
_POPULAR = """
    SELECT poster_name, posts, latest_follower_count, last_posted_at
    FROM profile_popularity ORDER BY posts DESC, poster_name LIMIT %s"""


@dataclass(frozen=True)
class TableState:
    """The number of rows of a table (an estimate if `is_estimate`), and a sample."""

    rows: int
    is_estimate: bool
    sample: list[dict[str, Any]]


def stream_state(connection: Connection) -> TableState:
    """Size and newest rows of `pinterest_stream`."""
    row: Any = connection.execute(_ESTIMATE).fetchone()
    estimate = int(row[0])
    is_estimate = estimate > _COUNTED_EXACTLY
    rows = estimate if is_estimate else _count(connection, "pinterest_stream")
    return TableState(rows, is_estimate, _sample(connection, _NEWEST))


def rejects_by_reason(connection: Connection) -> dict[str, int]:
    """The number of rejects of the kept days, by reason."""
    rows: list[Any] = connection.execute("SELECT reason, count(*) FROM stream_rejects GROUP BY reason").fetchall()
    return dict(rows)


def profiles_state(connection: Connection) -> TableState:
    """Size of `profile_popularity`, and the profiles with the most posts."""
    return TableState(_count(connection, "profile_popularity"), False, _sample(connection, _POPULAR))


def _count(connection: Connection, table: str) -> int:
    row: Any = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608
    return int(row[0])


def _sample(connection: Connection, query: Any) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, [_SAMPLED_ROWS]).fetchall()
