"""Fills a topic with any number of events of one day, fast.

The pins are the emulator's, drawn from 11,000 with replacement. For costs that depend on distinct pins, each event can
have its own `unique_id`.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import date
from itertools import cycle, islice

from kafka import KafkaProducer

from ingest_api.emulator.drawing import draw_posts
from ingest_api.emulator.emulation import DEFAULT_SEED
from pinterest_platform.pins.calendar import MILLISECONDS_A_DAY, start_of
from pinterest_platform.settings import Settings

_DRAWN = 50_000  # posts, after which the same bodies come again, with other event ids
_EVENT_ID = b"00000000-0000-4000-8000-000000000000"


def post_day(settings: Settings, day: date, events: int, *, distinct: bool = False) -> int:
    """Post so many events, spread over the day in order of time; returns how many bytes they have."""
    posted, start = 0, start_of(day)
    producer = KafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers, linger_ms=50, batch_size=512 * 1024)
    for number, (pin_id, body) in enumerate(_bodies(events, distinct=distinct)):
        at = start + number * MILLISECONDS_A_DAY // events
        producer.send(settings.kafka_topic, key=pin_id, value=body, timestamp_ms=at)
        posted += len(body)
    producer.flush()
    producer.close()
    return posted


def _bodies(events: int, *, distinct: bool) -> Iterator[tuple[bytes, bytes]]:
    posts = draw_posts(DEFAULT_SEED, new_event_id=_EVENT_ID.decode)
    drawn = [(post.unique_id.encode(), post.body) for post in islice(posts, min(events, _DRAWN))]
    for pin_id, body in islice(cycle(drawn), events):
        with_id = body.replace(_EVENT_ID, str(uuid.uuid4()).encode())
        if not distinct:
            yield pin_id, with_id
            continue
        own_id = str(uuid.uuid4()).encode()
        yield own_id, with_id.replace(pin_id, own_id, 1)
