"""Pools are freed after the runs that held them were killed."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import pytest
from dagster import DagsterRunStatus
from dagster._core.test_utils import create_run_for_test

from pinterest_platform.defs.maintenance import fail_lost_runs, free_pools_of_ended_runs

POOL = "raw_pins"


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as instance:
        instance.event_log_storage.set_concurrency_slots(POOL, 1)
        yield instance


def takes_pool(instance: dg.DagsterInstance, run_id: str) -> bool:
    return bool(instance.event_log_storage.claim_concurrency_slot(POOL, run_id, "step").is_claimed)


def test_the_pool_of_a_run_that_the_code_server_reported_as_failed_is_freed(instance: dg.DagsterInstance) -> None:
    killed = create_run_for_test(instance, status=DagsterRunStatus.FAILURE)
    assert takes_pool(instance, killed.run_id)
    assert not takes_pool(instance, "next run")

    fail_lost_runs(dg.build_sensor_context(instance=instance))

    assert takes_pool(instance, "next run")


def test_the_pool_of_a_run_in_progress_stays_taken(instance: dg.DagsterInstance) -> None:
    living = create_run_for_test(instance, status=DagsterRunStatus.STARTED)
    assert takes_pool(instance, living.run_id)

    free_pools_of_ended_runs(instance)

    assert not takes_pool(instance, "next run")
