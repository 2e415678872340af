"""Pins of days that are over, straight into Kafka: the API stamps what it receives with the time of receipt.

Belongs here: when in a day a pin comes, and posting in the order of time. Does not belong here: what is drawn.
"""

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
    """Kafka did not take a record."""


@dataclass(frozen=True)
class History:
    """So many pins a day on so many days, spread evenly over each. `seed` determines them."""

    first: date
    days: int
    pins_a_day: int
    seed: int = DEFAULT_SEED

    @property
    def pins(self) -> int:
        """How many there are in all."""
        return self.days * self.pins_a_day

    def timestamps(self) -> Iterator[int]:
        """When each pin comes: milliseconds since 1970 UTC, in order."""
        start = start_of(self.first)
        return (start + number * MILLISECONDS_A_DAY // self.pins_a_day for number in range(self.pins))


def post_history(settings: Settings, history: History, observer: Observer | None = None) -> int:
    """Post every pin of the history, in order; returns how many bytes of events that were.

    Raises:
        HistoryRefusedError: Kafka did not take a record; those before it may be in the topic.
    """
    began, posted_bytes = now_ms(), 0
    failures: list[Exception] = []
    posts = draw_posts(history.seed, new_event_id=lambda: str(uuid.uuid4()))
    producer = KafkaProducer(
        **kafka_python_options(settings),
        acks="all",
        linger_ms=_LINGER_MS,
        batch_size=_BATCH_BYTES,
        partitioner=KeyPartitioner(),  # the API's, so that a pin keeps its partition
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
        raise HistoryRefusedError(f"Kafka did not take the history whole: {error!r}.") from error
    finally:
        producer.close()
    return posted_bytes
