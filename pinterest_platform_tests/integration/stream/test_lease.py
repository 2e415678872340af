"""The stream's lease in real PostgreSQL: a new run ends the old one's sessions, and heartbeats show who is alive."""

from __future__ import annotations

import time
from contextlib import closing

import psycopg
import pytest

from pinterest_platform.settings import Settings
from pinterest_platform.stores.postgres import Connection, connect
from pinterest_platform.stream.heartbeat import HeartbeatSender
from pinterest_platform.stream.lease import read_heartbeat, send_heartbeat, session_name, take_over
from pinterest_platform.stream.progress import lock_batches


@pytest.fixture
def own(stores: Settings, database: Connection) -> Settings:
    return stores.model_copy(update={"kafka_topic": "pins"})


def wait_for_silence(database: Connection, shorter_than: float) -> float:
    deadline = time.monotonic() + 10
    while True:
        found = read_heartbeat(database, "pins")
        assert found is not None
        if found.silent_seconds < shorter_than or time.monotonic() > deadline:
            return found.silent_seconds
        time.sleep(0.1)


def test_a_topic_that_was_never_streamed_has_no_heartbeat(database: Connection) -> None:
    assert read_heartbeat(database, "pins") is None


def test_only_the_owner_beats(own: Settings, database: Connection) -> None:
    take_over(own, "first")
    take_over(own, "second")

    assert (send_heartbeat(database, "pins", "first"), send_heartbeat(database, "pins", "second")) == (False, True)
    found = read_heartbeat(database, "pins")
    assert found is not None
    assert (found.owner, found.silent_seconds < 5 < found.server_up_seconds + 5) == ("second", True)


def test_a_successor_rolls_back_what_hangs_in_a_transaction(own: Settings, database: Connection) -> None:
    with closing(connect(own, name=session_name("pins"))) as hanging:
        lock_batches(hanging)
        hanging.execute("INSERT INTO stream_progress VALUES ('pins', 0, 5)")

        take_over(own, "the successor")

        with pytest.raises(psycopg.OperationalError):
            hanging.execute("SELECT 1")
    assert database.execute("SELECT FROM stream_progress").rowcount == 0


def test_a_heart_beats_as_long_as_its_loop_gives_signs_of_life(own: Settings, database: Connection) -> None:
    take_over(own, "the run")
    database.execute("UPDATE stream_heartbeat SET beat_at = beat_at - interval '1 hour'")

    with HeartbeatSender(own, "the run") as heartbeat:
        time.sleep(0.5)
        assert wait_for_silence(database, shorter_than=9_999) > 3_000  # no sign of life was given
        heartbeat.alive_for(0.0)
        heartbeat.alive_for(30.0)
        assert wait_for_silence(database, shorter_than=5) < 5
        take_over(own, "another run")
        deadline = time.monotonic() + 10
        while not heartbeat.owner_has_changed and time.monotonic() < deadline:
            time.sleep(0.1)
        assert heartbeat.owner_has_changed
