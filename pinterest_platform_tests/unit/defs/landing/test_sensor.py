"""The Kafka sensor's run requests: several days per run, and none for days that are running."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg
import pytest
from dagster import DagsterRunStatus
from dagster._core.test_utils import create_run_for_test
from pydantic import SecretStr

from pinterest_platform.defs.landing import attempts, sensor
from pinterest_platform.defs.landing.sensor import (
    new_misdated_records,
    new_pins_in_kafka,
    running_days,
    stretches,
)
from pinterest_platform.landing.rerun_requests import request_rerun
from pinterest_platform.pins.calendar import MISDATED_DAY, start_of
from pinterest_platform.settings import Settings
from pinterest_platform_tests.support.fakes import FakeBucket, FakeTopic

MONDAY, TUESDAY, WEDNESDAY = (datetime.now(UTC).date() - timedelta(days=number) for number in (4, 3, 2))


def test_days_in_a_row_share_a_run_of_a_month_at_most() -> None:
    days = [date(2026, 11, number) for number in (12, 1, *range(3, 10), 10, 11)]

    found = [(stretch[0].day, stretch[-1].day) for stretch in stretches(days)]

    assert found == [(1, 1), (3, 12)]
    in_a_row = [date(2026, 10, 1) + timedelta(days=number) for number in range(40)]
    assert [len(stretch) for stretch in stretches(in_a_row)] == [31, 9]


def test_days_without_a_partition_are_left_out() -> None:
    assert stretches([date(1970, 1, 1), date(2024, 12, 31), date(2025, 1, 1)]) == [[date(2025, 1, 1)]]


def test_the_days_of_runs_that_are_under_way_are_running() -> None:
    one_day = {"dagster/partition": "2026-11-16"}
    several = {"dagster/asset_partition_range_start": "2026-11-01", "dagster/asset_partition_range_end": "2026-11-03"}
    with dg.DagsterInstance.ephemeral() as instance:
        create_run_for_test(instance, tags=one_day, status=DagsterRunStatus.STARTED)
        create_run_for_test(instance, tags=several, status=DagsterRunStatus.STARTING)
        create_run_for_test(instance, tags={"dagster/partition": "2026-11-17"}, status=DagsterRunStatus.SUCCESS)
        create_run_for_test(instance, status=DagsterRunStatus.STARTED)

        assert sorted(day.day for day in running_days(instance)) == [1, 2, 3, 16]


def test_a_broker_that_is_away_is_a_reason_to_skip() -> None:
    settings = Settings(kafka_bootstrap_servers="127.0.0.1:9", s3_endpoint_url="http://127.0.0.1:9")
    with dg.DagsterInstance.ephemeral() as instance:
        outcome = new_pins_in_kafka(dg.build_sensor_context(instance=instance, resources={"settings": settings}))

    assert isinstance(outcome, dg.SkipReason)
    assert "127.0.0.1:9 does not serve the topic Pinterest_data" in str(outcome.skip_message)


def test_s3_that_is_away_is_a_reason_to_skip(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def topic(*_: object, **__: object) -> Iterator[FakeTopic]:
        yield FakeTopic()

    monkeypatch.setattr(sensor, "open_topic", topic)
    monkeypatch.setattr("time.sleep", lambda _: None)  # between attempts
    settings = Settings(s3_endpoint_url="http://127.0.0.1:9", s3_access_key="key", s3_secret_key=SecretStr("secret"))
    with dg.DagsterInstance.ephemeral() as instance:
        outcome = new_pins_in_kafka(dg.build_sensor_context(instance=instance, resources={"settings": settings}))

    assert isinstance(outcome, dg.SkipReason)
    assert "S3 at http://127.0.0.1:9 cannot be used" in str(outcome.skip_message)


class Dagster:
    """A daemon that evaluates the sensors, and forgets everything but its record of runs when it is killed."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self.cursor: str | None = None

    def evaluate(self, sensor: dg.SensorDefinition = new_pins_in_kafka) -> list[dg.RunRequest]:
        context = dg.build_sensor_context(
            instance=self.instance, cursor=self.cursor, resources={"settings": Settings()}
        )
        self.outcome: Any = sensor(context)
        if isinstance(self.outcome, dg.SensorResult):
            self.cursor = self.outcome.cursor
            return list(self.outcome.run_requests or [])
        return [self.outcome] if isinstance(self.outcome, dg.RunRequest) else []

    def observed(self) -> Any:
        [observation] = self.outcome.asset_events
        return observation.metadata["failed_attempts"].value

    def run(self, request: dg.RunRequest, status: DagsterRunStatus, job_name: str = "daily_batch") -> None:
        partition = {"dagster/partition": request.partition_key} if request.partition_key else {}
        create_run_for_test(self.instance, job_name=job_name, tags={**request.tags, **partition}, status=status)


@pytest.fixture
def dagster(topic: FakeTopic, bucket: FakeBucket, monkeypatch: pytest.MonkeyPatch) -> Iterator[Dagster]:
    @contextmanager
    def open_topic(*_: object, **__: object) -> Iterator[FakeTopic]:
        yield topic

    monkeypatch.setattr(sensor, "open_topic", open_topic)
    monkeypatch.setattr(sensor, "open_bucket", lambda _: bucket)
    monkeypatch.setattr(attempts, "_PAUSES", (timedelta(0),))
    with dg.DagsterInstance.ephemeral() as instance:
        yield Dagster(instance)


def test_a_day_whose_run_failed_is_asked_for_again_under_another_key(topic: FakeTopic, dagster: Dagster) -> None:
    topic.post(start_of(MONDAY), b"pin")

    [first], [again] = dagster.evaluate(), dagster.evaluate()
    dagster.run(first, DagsterRunStatus.FAILURE)
    [second] = dagster.evaluate()
    observed = dagster.observed()
    dagster.run(second, DagsterRunStatus.FAILURE)
    dagster.cursor = None  # the daemon was killed, and knows nothing of all this
    [third] = dagster.evaluate()

    assert first.run_key == again.run_key
    assert len({first.run_key, second.run_key, third.run_key}) == 3
    assert [request.tags["pinterest/attempt"] for request in (first, second, third)] == ["1", "2", "3"]
    assert [request.partition_key for request in (first, second, third)] == [MONDAY.isoformat()] * 3
    assert (observed, dagster.observed()) == ({MONDAY.isoformat(): 1}, {MONDAY.isoformat(): 2})


def test_days_of_a_run_that_failed_are_asked_for_one_by_one(topic: FakeTopic, dagster: Dagster) -> None:
    for day in (MONDAY, TUESDAY, WEDNESDAY):
        topic.post(start_of(day), b"pin")

    [together] = dagster.evaluate()
    dagster.run(together, DagsterRunStatus.FAILURE)
    one_by_one = dagster.evaluate()

    assert together.tags["dagster/asset_partition_range_end"] == WEDNESDAY.isoformat()
    assert [request.partition_key for request in one_by_one] == [
        day.isoformat() for day in (MONDAY, TUESDAY, WEDNESDAY)
    ]


def test_a_day_that_has_succeeded_after_failures_is_no_longer_shown_as_failed(
    topic: FakeTopic, bucket: FakeBucket, dagster: Dagster
) -> None:
    request_rerun(bucket, MONDAY)
    [first] = dagster.evaluate()
    dagster.run(first, DagsterRunStatus.FAILURE)
    [second] = dagster.evaluate()
    dagster.run(second, DagsterRunStatus.SUCCESS)
    bucket.delete([key for key in bucket.objects if key.startswith("grown/")])

    assert dagster.evaluate() == []
    assert dagster.observed() == {}


def test_misdated_records_that_a_landing_has_met_are_asked_for_until_their_job_has_succeeded(
    bucket: FakeBucket, dagster: Dagster
) -> None:
    assert dagster.evaluate(new_misdated_records) == []
    request_rerun(bucket, MISDATED_DAY)

    [first] = dagster.evaluate(new_misdated_records)
    dagster.run(first, DagsterRunStatus.STARTED, "misdated")
    assert dagster.evaluate(new_misdated_records) == []
    [run] = dagster.instance.get_runs()
    dagster.instance.report_run_failed(run)
    [second] = dagster.evaluate(new_misdated_records)

    assert (first.run_key != second.run_key, second.tags["pinterest/attempt"]) == (True, "2")
    assert dagster.evaluate() == []
