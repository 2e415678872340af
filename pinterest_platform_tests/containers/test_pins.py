"""From a post at the proxy to both layers, in containers."""

from __future__ import annotations

import time

import pytest

from infra.command_line.dagster_runs import DagsterWeb
from infra.errors import StackError
from pinterest_platform.defs.jobs import BATCH_JOB, STREAM_JOB
from pinterest_platform.pins.calendar import today
from pinterest_platform.stores.presto import ask
from pinterest_platform.stream.lag import stream_lag
from pinterest_platform_tests.containers.conftest import listening
from pinterest_platform_tests.support.acknowledged import Acknowledged
from pinterest_platform_tests.support.books import open_books
from pinterest_platform_tests.support.containers import Containers
from pinterest_platform_tests.support.dagster import started_runs
from pinterest_platform_tests.support.waiting import wait_for

pytestmark = pytest.mark.timeout(7_200)
PINS = 2_000
RUN_SECONDS = 3_600
LOOPBACK = {"127.0.0.1", "::1", "::ffff:127.0.0.1"}


def materialise(platform: Containers) -> None:
    """Runs today's partition to its success, however long it takes."""
    dagster = DagsterWeb(platform.settings)
    run_id = dagster.launch(BATCH_JOB, today())
    deadline = time.monotonic() + RUN_SECONDS
    while True:
        try:
            assert dagster.follow(run_id) == "SUCCESS"
            return
        except StackError:  # it is not done after ten minutes
            assert time.monotonic() < deadline


def wait_for_stream(platform: Containers) -> None:
    wait_for(lambda: started_runs(platform.settings, STREAM_JOB), RUN_SECONDS)
    wait_for(lambda: stream_lag(platform.settings) == 0, RUN_SECONDS)


def test_nothing_but_the_proxy_listens_on_a_public_address(
    platform: Containers, listening_before: set[tuple[str, int]]
) -> None:
    settings = platform.settings
    public = {port for address, port in listening() - listening_before if address not in LOOPBACK}

    assert public == {
        settings.proxy_ingest_port,
        settings.proxy_dagster_port,
        settings.proxy_presto_port,
        settings.proxy_prometheus_port,
    }


def test_posted_pins_are_in_every_store_once(platform: Containers, acknowledged: Acknowledged) -> None:
    for _ in range(PINS // 500):
        acknowledged.post(500)
    wait_for_stream(platform)
    materialise(platform)
    books = open_books(platform.settings)
    posted = set(acknowledged.places.values())

    assert len(posted) == PINS
    assert not books.twice
    assert (
        books.kafka == books.raw.keys() == books.clean.keys() == books.cassandra.keys() == books.rows.keys() == posted
    )
    assert acknowledged.faults() == []


def test_presto_answers_from_both_layers(platform: Containers) -> None:
    batch = ask(platform.settings, "SELECT count(*) FROM cassandra.pinterest_data.pinterest_batch")
    stream = ask(platform.settings, "SELECT count(*) FROM postgresql.public.pinterest_stream")

    assert [tuple(answer.rows[0]) for answer in (batch, stream)] == [(PINS,), (PINS,)]


def test_monitoring_sees_every_server(platform: Containers) -> None:
    def all_up() -> bool:
        with platform.client(platform.settings.proxy_prometheus_port, "reader") as client:
            targets = client.get("/api/v1/targets").raise_for_status().json()["data"]["activeTargets"]
        return {target["health"] for target in targets} == {"up"}

    wait_for(all_up, 600)
