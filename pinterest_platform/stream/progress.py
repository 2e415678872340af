"""The stream's progress: a row of `stream_progress` per partition, committed together with the stored rows.

The stream has stored the offsets from `first_offset` (included) to `next_offset` (excluded). Code that changes what
batches write must call `lock_batches` first.
"""

from __future__ import annotations

from typing import Any

from psycopg import sql

from pinterest_platform.stores.postgres import Connection

# A subquery with the parameter `topic`. It reads the first offset from the row as JSON, because tables that are not
# migrated yet lack that column.
STREAMED = sql.SQL(
    """(
    SELECT kafka_partition, next_offset, updated_at,
        coalesce((to_jsonb(progress) ->> 'first_offset')::bigint, 0) AS first_offset
    FROM stream_progress AS progress WHERE topic = %(topic)s)"""
)
_NEXT = sql.SQL("SELECT kafka_partition, next_offset FROM {streamed} AS done").format(streamed=STREAMED)
_FIRST = sql.SQL("SELECT kafka_partition, first_offset FROM {streamed} AS done").format(streamed=STREAMED)
_IDLE = sql.SQL(
    "SELECT extract(epoch FROM clock_timestamp() - max(updated_at))::float8 FROM {streamed} AS done"
).format(streamed=STREAMED)
# As JSON, because tables that are not migrated yet lack the epoch.
_KNOWN = """
    SELECT topic_id, coalesce((to_jsonb(known) ->> 'epoch')::integer, 0) FROM stream_topic AS known WHERE topic = %s"""
_DELETE_ALREADY_COMMITTED = """
    DELETE FROM staged USING stream_progress AS done
    WHERE done.topic = %s
      AND done.kafka_partition = staged.kafka_partition AND staged.kafka_offset < done.next_offset"""
_ADVANCE = """
    INSERT INTO stream_progress (topic, kafka_partition, next_offset, first_offset)
    SELECT %s, kafka_partition, max(kafka_offset) + 1, min(kafka_offset) FROM staged GROUP BY kafka_partition
    ON CONFLICT (topic, kafka_partition)
    DO UPDATE SET next_offset = excluded.next_offset, updated_at = clock_timestamp()"""


def lock_batches(connection: Connection) -> None:
    """Block all other batches until this transaction ends. Readers of the progress are not blocked."""
    connection.execute("LOCK TABLE stream_progress IN EXCLUSIVE MODE")


def next_offsets(connection: Connection, topic: str) -> dict[int, int]:
    """The next offset to store, per partition; empty before the first batch."""
    rows: list[Any] = connection.execute(_NEXT, {"topic": topic}).fetchall()
    return dict(rows)


def first_offsets(connection: Connection, topic: str) -> dict[int, int]:
    """The first offset that the stream has read, per partition; 0 if it is unknown."""
    rows: list[Any] = connection.execute(_FIRST, {"topic": topic}).fetchall()
    return dict(rows)


def known_topic(connection: Connection, topic: str) -> tuple[str, int] | None:
    """Kafka's id and the epoch of the topic that the stream reads; None if it never has."""
    row: Any = connection.execute(_KNOWN, [topic]).fetchone()
    return row  # type: ignore[no-any-return] # a text and a number


def epoch_of_topic(connection: Connection, topic: str) -> int:
    """The epoch of the topic that the stream reads; 0 if it never has."""
    known = known_topic(connection, topic)
    return known[1] if known else 0


def idle_seconds(connection: Connection, topic: str) -> float | None:
    """Seconds since the last batch was committed; None before the first one."""
    row: Any = connection.execute(_IDLE, {"topic": topic}).fetchone()
    return row[0]  # type: ignore[no-any-return] # a float of PostgreSQL


def delete_already_committed(connection: Connection, topic: str) -> None:
    """Delete from `staged` the records that an earlier batch has committed."""
    connection.execute(_DELETE_ALREADY_COMMITTED, [topic])


def advance(connection: Connection, topic: str) -> None:
    """Move the progress past the records in `staged`."""
    connection.execute(_ADVANCE, [topic])
