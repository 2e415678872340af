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
from pinterest_platform.stores.kafka import RecordsDeletedError, Topic
from pinterest_platform.stores.postgres import Connection
from pinterest_platform.stream.query import StreamOffsetsLostError

_REMEMBER = "INSERT INTO stream_topic (topic, topic_id) VALUES (%s, %s) ON CONFLICT DO NOTHING"
_KNOWN = "SELECT topic_id FROM stream_topic WHERE topic = %s"
_STORED = "SELECT ingested_at FROM pinterest_stream WHERE kafka_partition = %s AND kafka_offset = %s"


def demand_same_topic(connection: Connection, topic: Topic) -> None:
    """Store the topic's id when it is first streamed; later refuse another topic of that name.

    Raises:
        StreamOffsetsLostError: the topic was recreated.
    """
    identity = topic.identity()
    connection.execute(_REMEMBER, [topic.topic, identity])
    row: Any = connection.execute(_KNOWN, [topic.topic]).fetchone()
    if row[0] != identity:
        raise StreamOffsetsLostError(
            f"The topic {topic.topic} was recreated: its id is {identity}, but the stream has read {row[0]}. Its "
            "offsets start again, so new records would be taken for stored ones. Reset the stream's tables too, as "
            "described in docs/operations.md."
        )


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
