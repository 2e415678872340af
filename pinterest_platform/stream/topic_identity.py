"""Makes sure that the topic is the one whose offsets PostgreSQL holds, by Kafka's topic id.

A recreated topic of the same name may already have grown past the old offsets. Then only its id shows the difference.
"""

from __future__ import annotations

from typing import Any

from pinterest_platform.stores.kafka import Topic
from pinterest_platform.stores.postgres import Connection
from pinterest_platform.stream.query import StreamOffsetsLostError

_REMEMBER = "INSERT INTO stream_topic (topic, topic_id) VALUES (%s, %s) ON CONFLICT DO NOTHING"
_KNOWN = "SELECT topic_id FROM stream_topic WHERE topic = %s"


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
