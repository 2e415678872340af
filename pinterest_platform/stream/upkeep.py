"""Keeps the stream's day partitions up to date, in a thread of its own.

So batches and heartbeats never wait for it.
"""

from __future__ import annotations

import threading
from contextlib import closing, suppress
from typing import Self

import psycopg

from pinterest_platform.pins.calendar import today
from pinterest_platform.settings import Settings
from pinterest_platform.stores.postgres import Connection, connect
from pinterest_platform.stream.day_partitions import keep_days
from pinterest_platform.stream.lease import session_name
from pinterest_platform.stream.outages import outage_of

_PAUSE_SECONDS = 600.0
_PAUSE_AFTER_AN_OUTAGE_SECONDS = 10.0
_END_SECONDS = 5.0


class Upkeep:
    """Runs from `begin` to the end of its block. `failure` is the error that stopped it, other than an outage."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="upkeep", daemon=True)
        self._connection: Connection | None = None
        self.failure: Exception | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Cancel the statement in progress. Its transaction is rolled back, and the next run continues there."""
        self._ended.set()
        if connection := self._connection:
            with suppress(psycopg.Error):
                connection.cancel()
        if self._thread.is_alive():
            self._thread.join(_END_SECONDS)
        if connection and self._thread.is_alive():  # it is between two statements, and must not begin the next
            connection.close()

    def begin(self) -> None:
        """Start. Call it after the run owns the stream, since taking over ends every session of the stream."""
        self._thread.start()

    def _keep(self) -> None:
        while not self._ended.is_set():
            pause = _PAUSE_SECONDS
            try:
                self._keep_once()
            except Exception as error:  # the loop checks `failure` every second
                if self._ended.is_set():
                    return
                if outage_of(error, self._settings) is None:
                    self.failure = error
                    return
                pause = _PAUSE_AFTER_AN_OUTAGE_SECONDS
            self._ended.wait(pause)

    def _keep_once(self) -> None:
        name = session_name(self._settings.kafka_topic)
        with closing(connect(self._settings, autocommit=True, name=name)) as self._connection:
            keep_days(self._connection, today(), self._settings.stream_retention_days)
