"""What the stream reports to Dagster, and that it continues if reporting fails."""

from collections.abc import Callable, Iterator
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteInstigatorOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus
from dagster._core.test_utils import instance_for_test

from pinterest_platform.defs.asset_keys import STREAM
from pinterest_platform.defs.stream.events import StreamEvents
from pinterest_platform.settings import Settings
from pinterest_platform.stream.activity import StreamReport
from pinterest_platform.stream.lag import Lag

BUSY = StreamReport(seconds=10, batches=20, rows=5_000, batch_seconds=2.0, latency_seconds=0.4, lag=Lag(70, 0.3))
IDLE = StreamReport(seconds=10, lag=Lag(0, 0.0))
AWAY = StreamReport(seconds=10, trouble="Kafka is away.")
NOWHERE = Settings(postgres_host="127.0.0.1", postgres_port=9)


class Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def in_a_run(
    instance: dg.DagsterInstance, act: Callable[[StreamEvents, Clock], None], launched_by: str | None = None
) -> None:
    """What the streaming step does with its events. The tables cannot be read here: servers' tests look at these."""

    @dg.asset
    def stream(context: dg.AssetExecutionContext) -> None:
        clock = Clock()
        act(StreamEvents(context, NOWHERE, clock), clock)

    tags = {"dagster/sensor_name": launched_by} if launched_by else {}
    assert dg.materialize([stream], instance=instance, tags=tags).success


def switch_off(instance: dg.DagsterInstance, sensor: str) -> None:
    repository = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("here"), "repository")
    origin = RemoteInstigatorOrigin(repository, sensor)
    instance.add_instigator_state(InstigatorState(origin, InstigatorType.SENSOR, InstigatorStatus.STOPPED))


def observations(instance: dg.DagsterInstance) -> list[dict[str, Any]]:
    """The metadata of every observation, oldest first."""
    records = instance.fetch_observations(STREAM, limit=1_000, ascending=True).records
    found = [record.asset_observation for record in records]
    return [{name: value.value for name, value in one.metadata.items()} for one in found if one]


def test_a_busy_stream_is_observed_with_rate_lag_and_latency(instance: dg.DagsterInstance) -> None:
    in_a_run(instance, lambda events, _clock: events.report(BUSY))

    [facts] = observations(instance)
    numbers = ("rows_per_second", "batch_seconds", "lag_records", "lag_seconds", "latency_seconds")
    assert [facts[name] for name in numbers] == [500.0, 0.1, 70, 0.3, 0.4]


def test_an_idle_stream_is_observed_once_a_minute(instance: dg.DagsterInstance) -> None:
    def stay_idle(events: StreamEvents, clock: Clock) -> None:
        for _ in range(13):
            events.report(IDLE)
            clock.seconds += 10

    in_a_run(instance, stay_idle)

    assert len(observations(instance)) == 3


def test_trouble_is_told_in_words(instance: dg.DagsterInstance) -> None:
    in_a_run(instance, lambda events, _clock: events.report(AWAY))

    [facts] = observations(instance)
    assert (facts["trouble"], "lag_records" in facts) == ("Kafka is away.", False)


@pytest.mark.parametrize(("launched_by", "ends"), [("keep_streaming", True), ("another_sensor", False), (None, False)])
def test_a_run_that_its_sensor_launched_ends_when_the_sensor_is_switched_off(
    launched_by: str | None, ends: bool
) -> None:
    answers: list[bool] = []

    with instance_for_test() as instance:  # an ephemeral one has no sensors

        def ask(events: StreamEvents, clock: Clock) -> None:
            answers.append(events.is_switched_off("keep_streaming"))
            switch_off(instance, "keep_streaming")
            clock.seconds += 5
            answers.append(events.is_switched_off("keep_streaming"))

        in_a_run(instance, ask, launched_by)

    assert answers == [False, ends]


def test_the_stream_goes_on_when_dagster_cannot_be_told(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def refuse(_event: object) -> None:
        raise ConnectionError("its PostgreSQL is away")

    monkeypatch.setattr(instance, "report_runless_asset_event", refuse)

    in_a_run(instance, lambda events, _clock: events.report(BUSY))

    assert "Dagster took no report (ConnectionError: its PostgreSQL is away)" in capfd.readouterr().err
