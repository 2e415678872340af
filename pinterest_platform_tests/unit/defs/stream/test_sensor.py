"""The stream's sensor: its decisions by run and heartbeat, and its pauses when runs fail at once."""

from __future__ import annotations

from datetime import UTC, datetime

import dagster as dg
import pytest
from dagster import DagsterRunStatus
from dagster._core.test_utils import create_run_for_test

from pinterest_platform.defs.jobs import STREAM_JOB
from pinterest_platform.defs.stream.sensor import cause_of_death, keep_streaming, pause_before_next
from pinterest_platform.settings import Settings
from pinterest_platform.stream.lease import Heartbeat

NOW = 1_000_000.0
UP_FOR_LONG = 9_999.0


def run(
    status: DagsterRunStatus = DagsterRunStatus.STARTED, began: float = NOW, ended: float | None = None
) -> dg.RunRecord:
    updated = datetime.fromtimestamp(began, UTC)
    return dg.RunRecord(
        storage_id=1,
        dagster_run=dg.DagsterRun(job_name=STREAM_JOB, run_id="this run", status=status),
        create_timestamp=updated,
        update_timestamp=updated,
        start_time=began,
        end_time=ended,
    )


def heartbeat(owner: str = "this run", silent: float = 1.0, up: float = UP_FOR_LONG) -> Heartbeat:
    return Heartbeat(owner, silent, up)


def failed(after_seconds: float, ago: float = 1.0) -> dg.RunRecord:
    ended = NOW - ago
    return run(DagsterRunStatus.FAILURE, ended - after_seconds, ended)


def test_a_run_that_beats_lives() -> None:
    assert cause_of_death(run(), heartbeat(silent=3), NOW) is None


@pytest.mark.parametrize("status", [DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING])
def test_a_run_that_is_silent_is_dead(status: DagsterRunStatus) -> None:
    assert "No heartbeat for 13 s" in str(cause_of_death(run(status), heartbeat(silent=13), NOW))


def test_silence_means_nothing_when_postgres_has_just_come_back() -> None:
    assert cause_of_death(run(began=NOW - 600), heartbeat(silent=130, up=10), NOW) is None


def test_a_run_has_time_to_take_over_and_not_for_ever() -> None:
    of_another = heartbeat(owner="the run before", silent=500)

    assert cause_of_death(run(began=NOW - 20), of_another, NOW) is None
    assert "within 50 s of its start" in str(cause_of_death(run(began=NOW - 50), of_another, NOW))
    assert "within 50 s of its start" in str(cause_of_death(run(began=NOW - 50), None, NOW))


def test_a_run_whose_process_never_began_is_dead_after_a_minute() -> None:
    assert cause_of_death(run(DagsterRunStatus.STARTING, NOW - 30), None, NOW) is None
    assert cause_of_death(run(DagsterRunStatus.STARTING, NOW - 70), None, NOW) is not None
    assert cause_of_death(run(DagsterRunStatus.NOT_STARTED, NOW - 70), None, NOW) is None


def test_after_a_long_run_the_next_one_starts_at_once() -> None:
    assert pause_before_next([failed(after_seconds=600)] * 5, NOW) == 0


def test_runs_that_fail_at_once_are_repeated_ever_more_slowly() -> None:
    waits = [pause_before_next([failed(after_seconds=2)] * number, NOW) for number in range(7)]

    assert waits == [0, 0, 0, 14, 29, 59, 119]
    assert pause_before_next([failed(after_seconds=2)] * 20, NOW) == 599


def test_one_good_run_ends_the_caution() -> None:
    failures = [failed(after_seconds=2)] * 2
    assert pause_before_next([*failures, run(DagsterRunStatus.CANCELED, NOW - 90, NOW - 5), *failures], NOW) == 0


def test_the_sensor_judges_nothing_while_postgres_is_away() -> None:
    away = Settings(postgres_host="127.0.0.1", postgres_port=9)
    with dg.DagsterInstance.ephemeral() as instance:
        create_run_for_test(instance, job_name=STREAM_JOB, status=DagsterRunStatus.STARTED)
        outcome = keep_streaming(dg.build_sensor_context(instance=instance, resources={"settings": away}))

    assert isinstance(outcome, dg.SkipReason)
    assert "PostgreSQL at 127.0.0.1:9 is unavailable" in str(outcome.skip_message)
