"""Lag: the records in Kafka that the stream has not stored."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from itertools import islice

from pinterest_platform.settings import Settings
from pinterest_platform.stores.epochs import in_epoch
from pinterest_platform.stores.kafka import Topic, open_topic
from pinterest_platform.stores.postgres import connect
from pinterest_platform.stream.progress import epoch_of_topic, next_offsets


@dataclass(frozen=True)
class Lag:
    """How many records are posted and not stored, and how long the oldest has waited.

    Records are counted by offsets from the first waiting one. So the number may include some aborted records and
    transaction markers. If nothing else is left, the lag is 0.
    """

    records: int
    seconds: float


def stream_lag(settings: Settings) -> int:
    """The number of records posted and not yet stored.

    Raises:
        TopicUnavailableError: Kafka is unavailable.
        psycopg.OperationalError: PostgreSQL is unavailable.
    """
    with open_topic(settings) as topic:
        return _lag(settings, topic).records


def measure_lag(settings: Settings, timeout_seconds: float) -> Lag:
    """The lag in records and seconds.

    Raises:
        TopicUnavailableError: Kafka does not answer within the timeout.
        psycopg.OperationalError: PostgreSQL is unavailable.
    """
    with open_topic(settings, timeout_seconds) as topic:
        return _lag(settings, topic)


def lag_of(topic: Topic, progress: Mapping[int, int], clock: Callable[[], float] = time.time) -> Lag:
    """The lag of a stream with this progress. `clock` gives seconds since 1970 UTC."""
    waiting = [
        (record.timestamp, end - record.offset)
        for partition, first, end in _waiting(topic, progress)
        for record in islice(topic.read(partition, first, end), 1)
    ]
    if not waiting:
        return Lag(0, 0.0)
    oldest = min(timestamp for timestamp, _ in waiting)
    return Lag(sum(records for _, records in waiting), max(clock() - oldest / 1000, 0.0))


def _lag(settings: Settings, topic: Topic) -> Lag:
    with closing(connect(settings, autocommit=True)) as connection:
        progress, epoch = next_offsets(connection, topic.topic), epoch_of_topic(connection, topic.topic)
    return lag_of(in_epoch(topic, epoch), progress)


def _waiting(topic: Topic, progress: Mapping[int, int]) -> list[tuple[int, int, int]]:
    """Partition, first offset that is not stored and end offset, for each partition with such offsets."""
    beginnings = topic.beginning_offsets()
    ranges = [
        (partition, max(progress.get(partition, 0), beginnings[partition]), end)
        for partition, end in topic.end_offsets().items()
    ]
    return [(partition, first, end) for partition, first, end in ranges if first < end]
