"""Makes sure that the topic is the one whose offsets PostgreSQL holds, by its id and by the newest stored record.

A recreated topic of the same name may already have grown past the old offsets. Then only its id shows the difference. A
broker that lost its newest records, by a power cut or an unclean election, keeps the id and gives the offsets to other
records. Then the record at the last stored offset has another timestamp.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from pinterest_platform.pins.calendar import milliseconds_of
from pinterest_platform.stores.epochs import in_epoch
from pinterest_platform.stores.kafka import RecordsDeletedError, Topic
from pinterest_platform.stores.postgres import Connection
from pinterest_platform.stream.progress import known_topic
from pinterest_platform.stream.query import StreamOffsetsLostError

_REMEMBER = "INSERT INTO stream_topic (topic, topic_id) VALUES (%s, %s) ON CONFLICT DO NOTHING"
_BIND = """
    INSERT INTO stream_topic (topic, topic_id, epoch) VALUES (%s, %s, %s)
    ON CONFLICT (topic) DO UPDATE SET topic_id = excluded.topic_id, epoch = excluded.epoch"""
_CARRY_ON = "UPDATE stream_progress SET topic = %s WHERE topic = %s"
_STORED = "SELECT ingested_at FROM pinterest_stream WHERE kafka_partition = %s AND kafka_offset = %s"


def demand_same_topic(connection: Connection, topic: Topic) -> Topic:
    """Store the topic's id when it is first streamed; later refuse another topic of that name.

    Returns the topic in its epoch.

    Raises:
        StreamOffsetsLostError: the topic was recreated.
    """
    identity = topic.identity()
    connection.execute(_REMEMBER, [topic.topic, identity])
    known, epoch = known_topic(connection, topic.topic) or (None, 0)
    if known != identity:
        raise StreamOffsetsLostError(
            f"The topic {topic.topic} was recreated, or Kafka is another cluster: its id is {identity}, but the stream "
            f"has read {known}. Its offsets start again, so new records would be taken for stored ones. Restore the "
            "old topic, or go on with the new one: make accept-topic."
        )
    return in_epoch(topic, epoch)


def bind_stream(connection: Connection, topic: str, identity: str, epoch: int, before: str) -> None:
    """Let the stream read this topic from now on; `before` is the name of the one that it has read.

    The progress of earlier epochs stays, under the new name. Call it in a transaction that has locked the batches.
    """
    connection.execute(_BIND, [topic, identity, epoch])
    connection.execute(_CARRY_ON, [topic, before])


def demand_same_records(connection: Connection, topic: Topic, progress: Mapping[int, int]) -> None:
    """Refuse a topic whose record at the last stored offset of a partition is not the one that was stored.

    It is compared where both have it: Kafka may have deleted it, and a rejected one is not a row.

    Raises:
        StreamOffsetsLostError: the topic's end was lost and grew again, so records would be passed over.
    """
    for partition, following in progress.items():
        rows: list[Any] = connection.execute(_STORED, [partition, following - 1]).fetchall()
        with suppress(RecordsDeletedError):
            record = next(iter(topic.read(partition, following - 1, following)), None)
            stored = {milliseconds_of(at) for (at,) in rows}
            if record and stored and record.timestamp not in stored:
                raise StreamOffsetsLostError(
                    f"Partition {partition} of {topic.topic} has another record at offset {following - 1} than the "
                    "stream has stored: Kafka lost its newest records and gave their offsets to others. To store those "
                    "too, reset the stream's tables as described in docs/operations.md."
                )
