"""Writes pins with past timestamps directly to Kafka, because the API stamps events with the time of receipt."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from kafka import KafkaProducer
from kafka.errors import KafkaError

from ingest_api.emulator.drawing import draw_posts
from ingest_api.emulator.emulation import DEFAULT_SEED, EmulationResult, Observer
from ingest_api.partitioner import KeyPartitioner
from pinterest_platform.connections import kafka_python_options
from pinterest_platform.pins.calendar import MILLISECONDS_A_DAY, now_ms, start_of
from pinterest_platform.settings import Settings

_LINGER_MS = 50
_BATCH_BYTES = 256 * 1024
_TELL_EVERY = 500


class HistoryRefusedError(Exception):
    """Kafka did not accept a record."""


@dataclass(frozen=True)
class History:
    """`pins_a_day` pins on each of `days` days, spread evenly over the day. `seed` determines the pins."""

    first: date
    days: int
    pins_a_day: int
    seed: int = DEFAULT_SEED

    @property
    def pins(self) -> int:
        """The number of pins on all days."""
        return self.days * self.pins_a_day

    def timestamps(self) -> Iterator[int]:
        """The timestamps of the pins in ascending order, in milliseconds since 1970 UTC."""
        start = start_of(self.first)
        return (start + number * MILLISECONDS_A_DAY // self.pins_a_day for number in range(self.pins))


def post_history(settings: Settings, history: History, observer: Observer | None = None) -> int:
    """Writes every pin of the history in order; returns the total size of the events in bytes.

    Raises:
        HistoryRefusedError: Kafka did not accept a record; those before it may be in the topic.
    """
    began, posted_bytes = now_ms(), 0
    failures: list[Exception] = []
    posts = draw_posts(history.seed, new_event_id=lambda: str(uuid.uuid4()))
    producer = KafkaProducer(
        **kafka_python_options(settings),
        acks="all",
        linger_ms=_LINGER_MS,
        batch_size=_BATCH_BYTES,
        partitioner=KeyPartitioner(),  # the same as the API's, so that a pin keeps its partition
    )
    try:
        for number, (at, post) in enumerate(zip(history.timestamps(), posts, strict=False), start=1):
            sent = producer.send(settings.kafka_topic, key=post.unique_id.encode(), value=post.body, timestamp_ms=at)
            sent.add_errback(failures.append)
            posted_bytes += len(post.body)
            if observer and (number % _TELL_EVERY == 0 or number == history.pins):
                observer.counted(EmulationResult(began, now_ms(), posted=number, acknowledged=number))
        producer.flush()
        if failures:
            raise failures[0]
    except KafkaError as error:
        raise HistoryRefusedError(f"Kafka did not accept the whole history: {error!r}.") from error
    finally:
        producer.close()
    return posted_bytes
