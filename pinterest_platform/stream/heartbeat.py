"""The beat of a streaming run: a thread that says every two seconds that the run lives, as long as it does.

Belongs here: when it beats. The loop has to keep giving signs of life: a query that has ended, a JVM that hangs or a
loop that is stuck stops the heart, though the process is there. Does not belong here: what a beat is
(`stream.lease`).
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
_PAUSE_SECONDS = 0.5  # before the first beat, and before another attempt


class HeartbeatSender:
    """Beats for an owner within its block, and says its `condition`. `owner_has_changed` tells of a successor."""

    def __init__(self, settings: Settings, owner: str) -> None:
        self._settings = settings
        self._owner = owner
        self._alive_until = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._send, name="heart", daemon=True)
        self.condition = Condition()
        self.owner_has_changed = False

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(HEARTBEAT_SECONDS)

    def alive_for(self, seconds: float) -> None:
        """A sign of life, good for so many seconds."""
        self._alive_until = time.monotonic() + seconds

    def _send(self) -> None:
        while not self._ended.is_set():
            # Not before there is life: taking over ends every session of the stream, and ours would be one.
            with suppress(
                psycopg.Error
            ):  # PostgreSQL is away, or a successor ended our session: the loop finds out too
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
