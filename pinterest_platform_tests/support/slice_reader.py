"""Reads a day's slice again and again while it is replaced.

A reader of the clean Parquet or Cassandra must never see fewer rows than the earlier slice has, more than the later
one, or a pin twice.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date

from pinterest_platform.clean_slices.manifest import clean_files
from pinterest_platform.settings import Settings
from pinterest_platform.stores.cassandra import open_session
from pinterest_platform.stores.parquet import read_batches
from pinterest_platform.stores.s3 import open_bucket
from pinterest_platform_tests.support.rows import count_day

_PAUSE_SECONDS = 0.5  # whoever looks all the time slows down what they look at


@dataclass
class Sightings:
    """How often each store was looked at, and what should not have been there.

    `overtaken` looks found a file deleted that they had listed: they look again. `away` looks found no server.
    """

    parquet: int = 0
    cassandra: int = 0
    overtaken: int = 0
    away: int = 0
    wrong: list[str] = field(default_factory=list)


class SliceReader:
    """Reads the day of which at least `fewest` and at most `most` rows must be seen at any time."""

    def __init__(self, settings: Settings, day: date, fewest: int, most: int) -> None:
        self.sightings = Sightings()
        self._settings, self._day = settings, day
        self._fewest, self._most = fewest, most
        self._ended = threading.Event()

    def end(self) -> None:
        self._ended.set()

    def read_parquet(self) -> None:
        """Until the end."""
        bucket = open_bucket(self._settings)
        while not self._ended.wait(_PAUSE_SECONDS):
            try:
                batches = list(read_batches(self._settings, clean_files(bucket, self._day), ["unique_id"]))
            except FileNotFoundError:
                self.sightings.overtaken += 1
                continue
            except Exception:  # whatever a client library raises means the same here
                self.sightings.away += 1
                continue
            pins = [pin for batch in batches for pin in batch.column("unique_id").to_pylist()]
            self.sightings.parquet += 1
            self._judge("clean Parquet", len(pins))
            if len(set(pins)) != len(pins):
                self.sightings.wrong.append(f"clean Parquet had {len(pins) - len(set(pins))} pins twice")

    def read_cassandra(self) -> None:
        """Until the end."""
        while not self._ended.is_set():
            try:
                with open_session(self._settings) as session:
                    session.set_keyspace(self._settings.cassandra_keyspace)
                    while not self._ended.wait(_PAUSE_SECONDS):
                        rows = count_day(session, self._day)
                        self.sightings.cassandra += 1
                        self._judge("Cassandra", rows)
            except Exception:  # likewise
                self.sightings.away += 1
                self._ended.wait(_PAUSE_SECONDS)

    def _judge(self, store: str, rows: int) -> None:
        if not self._fewest <= rows <= self._most:
            self.sightings.wrong.append(f"{store} had {rows} rows, not {self._fewest} to {self._most}")


@contextmanager
def read_all_the_while(settings: Settings, day: date, fewest: int, most: int) -> Iterator[Sightings]:
    """Read the day until the end of the block; what was seen is complete then."""
    reader = SliceReader(settings, day, fewest, most)
    threads = [threading.Thread(target=read) for read in (reader.read_parquet, reader.read_cassandra)]
    for thread in threads:
        thread.start()
    try:
        yield reader.sightings
    finally:
        reader.end()
        for thread in threads:
            thread.join()
