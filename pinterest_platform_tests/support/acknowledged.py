"""Pins that were posted through the proxy and acknowledged, and where each of them is now."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from contextlib import closing
from typing import Any

import httpx

from ingest_api.write_keys import HEADER
from pinterest_platform.clean_slices.manifest import clean_files
from pinterest_platform.pins.calendar import today
from pinterest_platform.stores.cassandra import open_session
from pinterest_platform.stores.parquet import read_batches
from pinterest_platform.stores.postgres import connect
from pinterest_platform.stores.s3 import open_bucket
from pinterest_platform_tests.support.books import Place, raw_places
from pinterest_platform_tests.support.containers import Containers
from pinterest_platform_tests.support.pins import pin

_AGAIN = {408, 429, 502, 503, 504}
_PATIENCE_SECONDS = 900


class Acknowledged:
    """Posts, and remembers the place in Kafka of every event that was acknowledged."""

    def __init__(self, containers: Containers) -> None:
        self._containers = containers
        self._client = containers.client(containers.settings.proxy_ingest_port)
        self.places: dict[str, Place] = {}

    def post(self, count: int) -> None:
        """Posts that many pins at once, each with ids of its own; again, unchanged, until all are acknowledged."""
        events = [pin(unique_id=str(uuid.uuid4()), event_id=str(uuid.uuid4())) for _ in range(count)]
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < deadline:
            try:
                answer = self._client.post("/pins/", json=events, headers={HEADER: self._containers.key})
            except httpx.TransportError:  # the proxy is away
                time.sleep(1)
                continue
            if answer.status_code not in _AGAIN:
                self._remember(answer.raise_for_status().json()["results"])
                return
            time.sleep(1)
        raise AssertionError(f"the API did not take {count} pins within {_PATIENCE_SECONDS} s")

    def _remember(self, results: list[dict[str, Any]]) -> None:
        for result in results:
            assert result["status"] == "accepted", result
            self.places[result["event_id"]] = (result["partition"], result["offset"])

    def faults(self) -> list[str]:
        """A sentence for each store that lacks acknowledged pins of today, or has some more than once."""
        settings = self._containers.settings
        counted = {
            "clean_pins": Counter(_clean_ids(self._containers)),
            "Cassandra": Counter(_cassandra_ids(self._containers)),
            "PostgreSQL": Counter(_stream_ids(self._containers)),
        }
        wrong = {store: [one for one in self.places if ids[one] != 1] for store, ids in counted.items()}
        raw = raw_places(settings).keys()
        wrong["S3"] = [event for event, place in self.places.items() if place not in raw]
        return [f"{store} has {len(ids)} pins not once: {ids[:3]}" for store, ids in wrong.items() if ids]


def _clean_ids(containers: Containers) -> list[str]:
    settings = containers.settings
    files = clean_files(open_bucket(settings), today())
    return [one for batch in read_batches(settings, files, ["event_id"]) for one in batch.column(0).to_pylist()]


def _cassandra_ids(containers: Containers) -> list[str]:
    settings = containers.settings
    with open_session(settings) as session:
        query = f"SELECT event_id FROM {settings.cassandra_keyspace}.pinterest_batch"  # noqa: S608
        return [row.event_id for row in session.execute(query)]


def _stream_ids(containers: Containers) -> list[str]:
    with closing(connect(containers.settings)) as connection:
        rows: Any = connection.execute("SELECT event_id FROM pinterest_stream").fetchall()
    return [event for (event,) in rows]
