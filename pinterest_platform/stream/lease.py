"""The lease of the stream: which run owns it, and its last heartbeat. Both are in one row of `stream_heartbeat`.

All times are PostgreSQL's, so clocks of machines need not agree. `defs.stream.sensor` decides when a run is dead.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import astuple, dataclass
from datetime import datetime
from typing import Any, Literal

from pinterest_platform.settings import Settings
from pinterest_platform.stores.postgres import Connection, connect
from pinterest_platform.stream.progress import lock_batches

_LONGEST_NAME = 63  # characters; PostgreSQL cuts longer session names
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
    """Another run owns the stream now; this one must not write."""


@dataclass(frozen=True)
class Heartbeat:
    """The owner, the time since its last heartbeat, and the time since PostgreSQL started."""

    owner: str
    silent_seconds: float
    server_up_seconds: float


@dataclass(frozen=True)
class Condition:
    """The state that a run sends with each heartbeat.

    `state` is `starting`, `streaming` or `waiting`; `trouble` says what it waits for. `rows_per_second` is of the last
    report, None before the first. `last_stored_at` is None until this run has stored a batch.
    """

    state: Literal["starting", "streaming", "waiting"] = "starting"
    trouble: str | None = None
    rows_per_second: float | None = None
    last_stored_at: datetime | None = None


def session_name(topic: str) -> str:
    """The name of a topic's sessions in PostgreSQL, by which a successor ends them."""
    return f"pinterest_stream {topic}"[:_LONGEST_NAME]


def take_over(settings: Settings, owner: str) -> None:
    """Make this run the owner of the stream. Uncommitted work of another run is rolled back.

    Its sessions are ended too: otherwise a process that hangs in a transaction would hold its locks forever.
    """
    topic = settings.kafka_topic
    with closing(connect(settings)) as connection, connection.transaction():
        connection.execute(_END_OTHERS, [session_name(topic)])
        lock_batches(connection)
        connection.execute(_TAKE_OVER, [topic, owner])


def send_heartbeat(connection: Connection, topic: str, owner: str, condition: Condition = Condition()) -> bool:
    """Send the owner's heartbeat and condition; False if another run has taken over."""
    return connection.execute(_SEND, [*astuple(condition), topic, owner]).rowcount == 1


def demand_ownership(connection: Connection, topic: str, owner: str) -> None:
    """Refuse to go on unless this is the owner. After `lock_batches` it stays true until the end of the transaction.

    Raises:
        StreamTakenOverError: another run owns it, or none.
    """
    row: Any = connection.execute(_OWNER, [topic]).fetchone()
    if row is None or row[0] != owner:
        raise StreamTakenOverError(
            f"{owner} no longer owns the stream of {topic}: {row[0] if row else 'nobody'} does. This run was taken "
            "for dead and replaced. Nothing is lost, and there is nothing to do."
        )


def read_heartbeat(connection: Connection, topic: str) -> Heartbeat | None:
    """The last heartbeat; None if the topic was never streamed."""
    row: Any = connection.execute(_HEARTBEAT, [topic]).fetchone()
    return Heartbeat(*row) if row else None
