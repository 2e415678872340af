from __future__ import annotations

from dataclasses import replace

import pytest

from infra.command_line.stream_status import StreamHeartbeat, StreamStatus, look_at_stream, stream_status_of
from pinterest_platform.settings import Settings
from pinterest_platform.stream.lag import Lag

BEAT = StreamHeartbeat(run="a run", silent_seconds=1.0, idle_seconds=2.0, rows_per_second=312.5, trouble=None)
NOTHING_WAITS = Lag(records=0, seconds=0.0)


def test_a_stream_that_beats_and_has_stored_everything_is_healthy_however_long_it_has_been_idle() -> None:
    assert stream_status_of(BEAT, NOTHING_WAITS) == "healthy"
    assert stream_status_of(replace(BEAT, idle_seconds=90_000.0), NOTHING_WAITS) == "healthy"


def test_a_stream_that_catches_up_is_healthy_however_far_behind_it_is() -> None:
    assert stream_status_of(BEAT, Lag(records=5_000_000, seconds=7_200.0)) == "healthy"


def test_records_that_have_just_come_are_no_standstill() -> None:
    assert stream_status_of(replace(BEAT, idle_seconds=90_000.0), Lag(records=10, seconds=0.5)) == "healthy"


@pytest.mark.parametrize(
    ("idle", "said"),
    [
        (125.0, "unhealthy: nothing stored for 2 min 5 s, although records have waited for 1:01:05"),
        (None, "unhealthy: nothing stored ever, although records have waited for 1:01:05"),
    ],
)
def test_a_stream_that_stands_still_while_records_wait_is_told_though_its_heart_beats(
    idle: float | None, said: str
) -> None:
    assert stream_status_of(replace(BEAT, idle_seconds=idle), Lag(records=3, seconds=3665.0)) == said


def test_a_stream_that_is_starting_is_no_problem_unless_records_wait_for_it_long() -> None:
    starting = replace(BEAT, idle_seconds=600.0, is_starting=True)

    assert stream_status_of(starting, NOTHING_WAITS) == "starting"
    assert not StreamStatus("starting").is_a_problem
    assert stream_status_of(starting, Lag(5, 61.0)).startswith("unhealthy: nothing stored for 10 min")


def test_a_silent_stream_is_told_with_where_its_switch_is() -> None:
    said = stream_status_of(replace(BEAT, silent_seconds=61.0, trouble="old"), NOTHING_WAITS)

    assert said == "unhealthy: no heartbeat for 1 min 1 s; is the sensor keep_streaming on?"


def test_what_the_stream_waits_for_is_told_in_its_own_words() -> None:
    assert stream_status_of(replace(BEAT, trouble="Kafka is away"), NOTHING_WAITS) == "unhealthy: Kafka is away"


def test_the_pace_has_what_is_known() -> None:
    assert StreamStatus("healthy", None, BEAT, Lag(1_200, 3.0)).pace == "312.5 rows/s, 1,200 records behind"
    assert StreamStatus("healthy", None, replace(BEAT, rows_per_second=None), NOTHING_WAITS).pace == "0 records behind"
    assert StreamStatus("stopped").pace == "-"


def test_a_postgresql_that_is_away_is_said_to_be() -> None:
    status = look_at_stream(Settings(postgres_port=1))

    assert status.is_a_problem
    assert status.state.startswith("unhealthy: PostgreSQL at 127.0.0.1:1 is unavailable")
