"""The stream's row in `make status`: its state, rate and lag, from the heartbeat, the progress and Kafka."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import Any

import psycopg

from infra.dagster_client import dagster_url
from pinterest_platform.settings import Settings
from pinterest_platform.stores.kafka import TopicUnavailableError
from pinterest_platform.stores.postgres import connect
from pinterest_platform.stream.lag import Lag, measure_lag
from pinterest_platform.stream.outages import outage_of
from pinterest_platform.stream.progress import idle_seconds

# The same limits as in the alerts StreamDead and StreamStandsStill.
SILENT_SECONDS = 60.0
STILL_SECONDS = 60.0
_KAFKA_SECONDS = 5.0
# As JSON, so that a database without the newest columns can be read too.
_LOOK = """
    SELECT to_jsonb(heart), extract(epoch FROM clock_timestamp() - heart.beat_at)::float8
    FROM stream_heartbeat AS heart WHERE heart.topic = %s"""


@dataclass(frozen=True)
class StreamHeartbeat:
    """The streaming run's heartbeat. Ages are in seconds; None means not reported."""

    run: str
    silent_seconds: float
    idle_seconds: float | None
    rows_per_second: float | None
    trouble: str | None
    is_starting: bool = False


@dataclass(frozen=True)
class StreamStatus:
    """The state of the stream: `healthy`, `starting`, or what is wrong. `lag` is None if unknown."""

    state: str
    run_page: str | None = None
    heartbeat: StreamHeartbeat | None = None
    lag: Lag | None = None

    @property
    def is_a_problem(self) -> bool:
        """Whether the stream is neither healthy nor starting."""
        return self.state not in {"healthy", "starting"}

    @property
    def pace(self) -> str:
        """Rows per second and the lag, as far as known."""
        said = []
        if self.heartbeat and self.heartbeat.rows_per_second is not None:
            said.append(f"{self.heartbeat.rows_per_second:,.1f} rows/s")
        if self.lag:
            said.append(f"{self.lag.records:,} records behind")
        return ", ".join(said) or "-"


def look_at_stream(settings: Settings) -> StreamStatus:
    """Reads heartbeat and progress from PostgreSQL, and the end offsets from Kafka."""
    try:
        heartbeat = _heartbeat(settings)
    except psycopg.Error as error:
        return StreamStatus(_what_is_unavailable(error, settings))
    if heartbeat is None:
        return StreamStatus("stopped")
    page = f"{dagster_url(settings)}/runs/{heartbeat.run}"
    try:
        lag = measure_lag(settings, _KAFKA_SECONDS)
    except (TopicUnavailableError, psycopg.Error) as error:
        return StreamStatus(_what_is_unavailable(error, settings), page, heartbeat)
    return StreamStatus(stream_status_of(heartbeat, lag), page, heartbeat, lag)


def stream_status_of(heartbeat: StreamHeartbeat, lag: Lag) -> str:
    """Says what is wrong: no heartbeat, an outage that the run reports, or no progress while records wait."""
    if heartbeat.silent_seconds > SILENT_SECONDS:
        return f"unhealthy: no heartbeat for {_duration(heartbeat.silent_seconds)}; is the sensor keep_streaming on?"
    if heartbeat.trouble:
        return f"unhealthy: {heartbeat.trouble}"
    still = heartbeat.idle_seconds is None or heartbeat.idle_seconds > STILL_SECONDS
    if lag.records and lag.seconds > STILL_SECONDS and still:
        since = "ever" if heartbeat.idle_seconds is None else f"for {_duration(heartbeat.idle_seconds)}"
        return f"unhealthy: nothing stored {since}, although records have waited for {_duration(lag.seconds)}"
    return "starting" if heartbeat.is_starting else "healthy"


def _heartbeat(settings: Settings) -> StreamHeartbeat | None:
    with closing(connect(settings, autocommit=True)) as connection:
        connection.execute("SET statement_timeout = '5s'")
        try:
            row: Any = connection.execute(_LOOK, [settings.kafka_topic]).fetchone()
            idle = idle_seconds(connection, settings.kafka_topic)
        except psycopg.errors.UndefinedTable:
            return None
    if row is None:
        return None
    said, silent = row
    starting = said.get("state") == "starting"
    return StreamHeartbeat(said["owner"], silent, idle, said.get("rows_per_second"), said.get("trouble"), starting)


def _what_is_unavailable(error: Exception, settings: Settings) -> str:
    """Describes an outage as the stream does; any other error with its type and first line."""
    if outage := outage_of(error, settings):
        return f"unhealthy: {outage}"
    return f"unhealthy: {type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 48:
        return f"{hours // 24} days"
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
