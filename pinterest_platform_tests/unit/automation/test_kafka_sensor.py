"""What the Kafka sensor makes of days: runs of several, and which days have one under way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta

import dagster as dg
import pytest
from dagster import DagsterRunStatus
from dagster._core.test_utils import create_run_for_test
from pydantic import SecretStr

from pinterest_platform.automation import kafka_sensor
from pinterest_platform.automation.kafka_sensor import new_pins_in_kafka, running_days, stretches
from pinterest_platform.settings import Settings
from pinterest_platform_tests.fakes import FakeTopic


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

    monkeypatch.setattr(kafka_sensor, "open_topic", topic)
    monkeypatch.setattr("time.sleep", lambda _: None)  # between attempts
    settings = Settings(s3_endpoint_url="http://127.0.0.1:9", s3_access_key="key", s3_secret_key=SecretStr("secret"))
    with dg.DagsterInstance.ephemeral() as instance:
        outcome = new_pins_in_kafka(dg.build_sensor_context(instance=instance, resources={"settings": settings}))

    assert isinstance(outcome, dg.SkipReason)
    assert "S3 at http://127.0.0.1:9 cannot be used" in str(outcome.skip_message)
