"""How far the stream is behind: the records in Kafka that PostgreSQL has not accounted for."""

from __future__ import annotations

from contextlib import closing

from pinterest_platform.settings import Settings
from pinterest_platform.stores.kafka import open_topic
from pinterest_platform.stores.postgres import connect
from pinterest_platform.stream.sink import next_offsets


def stream_lag(settings: Settings) -> int:
    """Records posted and not yet stored, over all partitions.

    Raises:
        TopicUnavailableError: the broker is away.
        psycopg.OperationalError: PostgreSQL is away.
    """
    with open_topic(settings) as topic, closing(connect(settings)) as connection:
        progress = next_offsets(connection, settings.kafka_topic)
        beginnings = topic.beginning_offsets()
        ends = topic.end_offsets()
    return sum(end - progress.get(partition, beginnings[partition]) for partition, end in ends.items())
