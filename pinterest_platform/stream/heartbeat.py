"""Sends the heartbeat of a streaming run every two seconds, from a thread of its own.

It is sent only while the loop reports that it is alive. So a query that has ended, a JVM that hangs or a stuck loop
stops the heartbeat, although the process still exists.
"""

from __future__ import annotations

import threading
import time
from contextlib import closing, suppress
from typing import Self

import psycopg

from pinterest_platform.settings import Settings
from pinterest_platform.stores.postgres import connect
from pinterest_platform.stream.lease import Condition, send_heartbeat, session_name

HEARTBEAT_SECONDS = 2.0
_PAUSE_SECONDS = 0.5  # before the first heartbeat and between attempts to connect


class HeartbeatSender:
    """Sends an owner's heartbeat, with its `condition`, within its block.

    `owner_has_changed` is set when another run has taken over.
    """

    def __init__(self, settings: Settings, owner: str) -> None:
        self._settings = settings
        self._owner = owner
        self._alive_until = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._send, name="heartbeat", daemon=True)
        self.condition = Condition()
        self.owner_has_changed = False

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(HEARTBEAT_SECONDS)

    def alive_for(self, seconds: float) -> None:
        """Report that the run is alive for this many seconds."""
        self._alive_until = time.monotonic() + seconds

    def _send(self) -> None:
        while not self._ended.is_set():
            # Errors: PostgreSQL is unavailable, or a successor ended our session. The loop finds out too.
            # No connection before the run is alive: taking over ends all sessions of the stream, also this one.
            with suppress(psycopg.Error):
                if self._is_alive():
                    self._send_on_one_connection()
            self._ended.wait(_PAUSE_SECONDS)

    def _is_alive(self) -> bool:
        return time.monotonic() < self._alive_until

    def _send_on_one_connection(self) -> None:
        topic = self._settings.kafka_topic
        with closing(connect(self._settings, autocommit=True, name=session_name(topic))) as connection:
            while not self._ended.is_set():
                if self._is_alive() and not send_heartbeat(connection, topic, self._owner, self.condition):
                    self.owner_has_changed = True
                self._ended.wait(HEARTBEAT_SECONDS)
