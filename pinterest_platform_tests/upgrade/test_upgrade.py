"""An installation of an older version runs on with this one: `make test-upgrade FROM=<git ref>`.

The older version makes the state folder, on ports of its own; this one opens it, and every record has to be in every
store once.
"""

from __future__ import annotations

import os
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.local_stack.place import Place
from infra.local_stack.servers.postgres import connect
from infra.local_stack.settings import LocalStackSettings
from infra.local_stack.stack import LocalStack
from pinterest_platform.pins.calendar import today
from pinterest_platform.stores.cassandra import open_session
from pinterest_platform.stream.lag import stream_lag
from pinterest_platform_tests.support.books import differences, open_books
from pinterest_platform_tests.support.hostile_records import ORDINARY, HostileRecord
from pinterest_platform_tests.support.hostile_topic import Sent
from pinterest_platform_tests.support.older_version import Version, older_version, this_version
from pinterest_platform_tests.support.pins import posted
from pinterest_platform_tests.support.ports import ports_from, with_ports
from pinterest_platform_tests.support.waiting import wait_for

REF = os.environ.get("UPGRADE_FROM", "")
pytestmark = pytest.mark.skipif(not REF, reason="it needs an older version: make test-upgrade FROM=<git ref>")

PINS = 200
STREAM_SECONDS = 600
SETTINGS = with_ports(
    LocalStackSettings(retry_delay_seconds=1, stream_retention_days=-1, state_folder=Path(".state/upgrade").resolve()),
    ports_from(33000),
)


@pytest.fixture
def settings() -> Iterator[LocalStackSettings]:
    """Of a stack that has no data at first, and none afterwards."""
    new = this_version()
    new.run(SETTINGS, "clean-data", "--yes")
    yield SETTINGS
    new.run(SETTINGS, "stop")
    new.run(SETTINGS, "clean-data", "--yes")


@pytest.fixture
def old() -> Iterator[Version]:
    with tempfile.TemporaryDirectory() as folder:
        yield older_version(REF, Path(folder))


def test_an_installation_of_the_older_version_runs_on(settings: LocalStackSettings, old: Version) -> None:
    first_day, new = today(), this_version()

    sent = _use(old, settings, first_day)
    made_by_old = _identities(LocalStack(settings).place)
    old.run(settings, "stop")
    sent += _use(new, settings, first_day)

    assert _identities(LocalStack(settings).place) == made_by_old
    assert differences(open_books(LocalStack(settings).settings), sent) == []
    for day in sorted({first_day, today()}):
        new.run(settings, "check-assets", day.isoformat())


def _use(version: Version, settings: LocalStackSettings, first_day: date) -> list[Sent]:
    """Starts the version's stack, posts pins, runs their days and waits for the stream."""
    version.run(settings, "start")
    own = LocalStack(settings).settings
    sent = [_post(own, number) for number in range(PINS)]
    version.run(settings, "backfill", first_day.isoformat(), today().isoformat())
    wait_for(lambda: stream_lag(own) == 0, STREAM_SECONDS)
    return sent


def _post(settings: LocalStackSettings, number: int) -> Sent:
    body = posted(unique_id=f"{number}-{uuid.uuid4()}", event_id=str(uuid.uuid4()))
    address = f"http://{settings.ingest_host}:{settings.ingest_port}/pin/"
    headers = {"Content-Type": "application/json"}
    answer = httpx.post(address, content=body, headers=headers, trust_env=False, timeout=60).raise_for_status().json()
    at = int(time.time() * 1_000)
    return Sent(ORDINARY, HostileRecord(body), 0, answer["partition"], answer["offset"], at)


def _identities(place: Place) -> dict[str, Any]:
    """What each server made up when it first made its data."""
    with open_session(place.settings) as session:
        cassandra = session.execute("SELECT host_id FROM system.local").one().host_id
    with closing(connect(place, "postgres")) as connection:
        postgres = connection.execute("SELECT system_identifier FROM pg_control_system()").fetchone()
    (kafka,) = (place.state / "kafka").rglob("meta.properties")
    cluster = [line for line in kafka.read_text().splitlines() if line.startswith("cluster.id=")]
    return {"cassandra": cassandra, "postgres": postgres, "kafka": cluster}
