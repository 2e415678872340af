"""The stream's sensor with a real heartbeat: it leaves a live run alone and replaces a dead one."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import pytest
from dagster import DagsterRunStatus
from dagster._core.test_utils import create_run_for_test

from pinterest_platform.defs.jobs import STREAM_JOB
from pinterest_platform.defs.stream.sensor import keep_streaming
from pinterest_platform.settings import Settings
from pinterest_platform.stores.postgres import Connection
from pinterest_platform.stream.lease import take_over

# PostgreSQL was started by these very tests: on a quick machine it is too young for its word to count.
_IS_OLD_ENOUGH = "SELECT pg_sleep(greatest(0, 31 - extract(epoch FROM clock_timestamp() - pg_postmaster_start_time())))"


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def tick(instance: dg.DagsterInstance, settings: Settings) -> object:
    return keep_streaming(dg.build_sensor_context(instance=instance, resources={"settings": settings}))


def test_a_stream_that_does_not_run_is_started(
    stores: Settings, database: Connection, instance: dg.DagsterInstance
) -> None:
    assert isinstance(tick(instance, stores), dg.RunRequest)


def test_a_run_that_beats_is_left_alone_and_one_that_does_not_is_replaced(
    stores: Settings, database: Connection, instance: dg.DagsterInstance
) -> None:
    run = create_run_for_test(instance, job_name=STREAM_JOB, status=DagsterRunStatus.STARTED)
    take_over(stores, run.run_id)
    assert run.run_id in str(tick(instance, stores))

    database.execute("UPDATE stream_heartbeat SET beat_at = beat_at - interval '1 minute'")
    database.execute(_IS_OLD_ENOUGH)

    assert isinstance(tick(instance, stores), dg.RunRequest)
    current = instance.get_run_by_id(run.run_id)
    assert current is not None
    assert current.status == DagsterRunStatus.FAILURE
