"""Metrics of the stream's lag: how many records wait, and for how long the stream has made no progress meanwhile.

Kafka's JMX exporter cannot give the lag: log end offsets also count transaction markers and aborted records, which no
consumer receives. So this reads Kafka and PostgreSQL itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass

from prometheus_client.core import GaugeMetricFamily, Metric

from pinterest_platform.settings import Settings
from pinterest_platform.stores.epochs import in_epoch
from pinterest_platform.stores.kafka import open_topic
from pinterest_platform.stores.postgres import connect
from pinterest_platform.stream.lag import Lag, lag_of
from pinterest_platform.stream.progress import epoch_of_topic, next_offsets

_SECONDS = 3.0


@dataclass(frozen=True)
class Waiting:
    """The stream's next offset by partition, and its lag."""

    progress: Mapping[int, int]
    lag: Lag


def look(settings: Settings) -> Waiting:
    """Reads progress and lag.

    Raises:
        TopicUnavailableError: the broker is unavailable.
        psycopg.Error: PostgreSQL is unavailable, or does not have the stream's tables yet.
    """
    with closing(connect(settings, autocommit=True, name="platform_exporter", patience_seconds=2)) as connection:
        progress = next_offsets(connection, settings.kafka_topic)
        epoch = epoch_of_topic(connection, settings.kafka_topic)
    with open_topic(settings, _SECONDS) as topic:
        return Waiting(progress, lag_of(in_epoch(topic, epoch), progress))


class LagFigures:
    """Remembers since when there was no progress. Starts over after Kafka or PostgreSQL was unavailable."""

    def __init__(
        self,
        settings: Settings,
        look: Callable[[Settings], Waiting] = look,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._look = look
        self._clock = clock
        self._still: tuple[Mapping[int, int], float] | None = None

    def collect(self) -> Iterator[Metric]:
        """The number of waiting records, and the seconds without progress.

        Raises:
            TopicUnavailableError: the broker is unavailable.
            psycopg.Error: PostgreSQL is unavailable, or does not have the stream's tables yet.
        """
        before, self._still = self._still, None
        waiting, now = self._look(self._settings), self._clock()
        if waiting.lag.records:
            moved = before is None or before[0] != waiting.progress
            self._still = (waiting.progress, now if before is None or moved else before[1])
        records = GaugeMetricFamily(
            "stream_waiting_records", "Records in Kafka that the stream has not stored.", labels=["topic"]
        )
        records.add_metric([self._settings.kafka_topic], waiting.lag.records)
        yield records
        yield GaugeMetricFamily(
            "stream_stands_still_seconds",
            "How long nothing was stored although records wait; 0 if there is progress or nothing waits.",
            now - self._still[1] if self._still else 0.0,
        )
