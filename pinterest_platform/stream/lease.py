"""Who streams a topic, and whether it still lives: one row of `stream_heartbeat`.

Belongs here: taking the stream over, beating, and the facts that a sensor judges by. Times are the database's own, so
that clocks of machines need not agree. Does not belong here: the judgement (`defs.stream.sensor`).
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import astuple, dataclass
from datetime import datetime
from typing import Any, Literal

from pinterest_platform.settings import Settings
from pinterest_platform.stores.postgres import Connection, connect
from pinterest_platform.stream.progress import lock_batches

_LONGEST_NAME = 63  # characters that PostgreSQL keeps of a session's name
_END_OTHERS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name = %s AND datname = current_database() AND pid <> pg_backend_pid()"""
_TAKE_OVER = """
    INSERT INTO stream_heartbeat (topic, owner) VALUES (%s, %s)
    ON CONFLICT (topic) DO UPDATE SET owner = excluded.owner, beat_at = clock_timestamp(), state = 'starting',
        trouble = NULL, rows_per_second = NULL"""
_SEND = """
    UPDATE stream_heartbeat SET beat_at = clock_timestamp(), state = %s, trouble = %s, rows_per_second = %s,
        last_stored_at = coalesce(%s, last_stored_at)
    WHERE topic = %s AND owner = %s"""
_OWNER = "SELECT owner FROM stream_heartbeat WHERE topic = %s"
_HEARTBEAT = """
    SELECT owner, extract(epoch FROM clock_timestamp() - beat_at)::float8,
        extract(epoch FROM clock_timestamp() - pg_postmaster_start_time())::float8
    FROM stream_heartbeat WHERE topic = %s"""


class StreamTakenOverError(Exception):
    """Another run streams the topic now; this one must not write."""


@dataclass(frozen=True)
class Heartbeat:
    """The run that streams, how long it has been silent, and how long PostgreSQL has been up to hear it."""

    owner: str
    silent_seconds: float
    server_up_seconds: float


@dataclass(frozen=True)
class Condition:
    """What a run says of itself with each beat.

    `state` is `starting`, `streaming` or `waiting`; `trouble` says what for. `rows_per_second` is of the last report,
    None before the first one. `last_stored_at` is None until this run has stored a batch.
    """

    state: Literal["starting", "streaming", "waiting"] = "starting"
    trouble: str | None = None
    rows_per_second: float | None = None
    last_stored_at: datetime | None = None


def session_name(topic: str) -> str:
    """What the sessions of a topic's stream are called in PostgreSQL, so that a successor can end them."""
    return f"pinterest_stream {topic}"[:_LONGEST_NAME]


def take_over(settings: Settings, owner: str) -> None:
    """Make this run the owner of the stream. What another one has not committed yet is rolled back.

    Its sessions are ended too: a process that hangs in a transaction would hold its locks for ever.
    """
    topic = settings.kafka_topic
    with closing(connect(settings)) as connection, connection.transaction():
        connection.execute(_END_OTHERS, [session_name(topic)])
        lock_batches(connection)
        connection.execute(_TAKE_OVER, [topic, owner])


def send_heartbeat(connection: Connection, topic: str, owner: str, condition: Condition = Condition()) -> bool:
    """Show that the owner lives, and how it is; False where another has taken over."""
    return connection.execute(_SEND, [*astuple(condition), topic, owner]).rowcount == 1


def demand_ownership(connection: Connection, topic: str, owner: str) -> None:
    """Refuse to go on unless this is the owner. After `lock_batches` it stays true until the end of the transaction.

    Raises:
        StreamTakenOverError: another one is, or nobody.
    """
    row: Any = connection.execute(_OWNER, [topic]).fetchone()
    if row is None or row[0] != owner:
        raise StreamTakenOverError(
            f"{owner} does not own the stream of {topic} any more: {row[0] if row else 'nobody'} does. It was taken "
            "for dead and replaced; nothing is lost, and this run has nothing left to do."
        )


def read_heartbeat(connection: Connection, topic: str) -> Heartbeat | None:
    """The heartbeat as it is now; None where the topic was never streamed."""
    row: Any = connection.execute(_HEARTBEAT, [topic]).fetchone()
    return Heartbeat(*row) if row else None
