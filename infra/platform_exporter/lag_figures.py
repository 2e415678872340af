"""How many records wait for the stream, and since when it stands still while some do.

Belongs here: the platform's own look at Kafka and PostgreSQL. Kafka's agent shows ends of the log, which count what no
reader is given: marks of transactions, and the records of those that were aborted. Does not belong here: what the
stream's tables hold (`stream_figures`), and how long is too long (`infra/prometheus/rules/stream.yml`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass

from prometheus_client.core import GaugeMetricFamily, Metric

from pinterest_platform.settings import Settings
from pinterest_platform.stores.kafka import open_topic
from pinterest_platform.stores.postgres import connect
from pinterest_platform.stream.lag import Lag, lag_of
from pinterest_platform.stream.progress import next_offsets

_SECONDS = 3.0


@dataclass(frozen=True)
class Waiting:
    """How far the stream has come, by partition, and what waits for it."""

    progress: Mapping[int, int]
    lag: Lag


def look(settings: Settings) -> Waiting:
    """What waits now.

    Raises:
        TopicUnavailableError: the broker is away.
        psycopg.Error: PostgreSQL is away, or has no tables of a stream yet.
    """
    with closing(connect(settings, autocommit=True, name="platform_exporter")) as connection:
        progress = next_offsets(connection, settings.kafka_topic)
    with open_topic(settings, _SECONDS) as topic:
        return Waiting(progress, lag_of(topic, progress))


class LagFigures:
    """Remembers since when nothing has moved; while Kafka or PostgreSQL is away nobody knows, and it begins anew."""

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
        """The records, and the seconds.

        Raises:
            TopicUnavailableError: the broker is away.
            psycopg.Error: PostgreSQL is away, or has no tables of a stream yet.
        """
        before, self._still = self._still, None
        waiting, now = self._look(self._settings), self._clock()
        if waiting.lag.records:
            moved = before is None or before[0] != waiting.progress
            self._still = (waiting.progress, now if before is None or moved else before[1])
        records = GaugeMetricFamily("stream_waiting_records", "That Kafka has and the stream lacks.", labels=["topic"])
        records.add_metric([self._settings.kafka_topic], waiting.lag.records)
        yield records
        yield GaugeMetricFamily(
            "stream_stands_still_seconds",
            "Since when nothing was stored though records wait; 0 where it moves, or none does.",
            now - self._still[1] if self._still else 0.0,
        )
