"""That the topic is the one whose offsets PostgreSQL holds, and not another of the same name.

Belongs here: Kafka's id of the topic, kept beside the progress. A topic that was deleted and made anew may have grown
past the old offsets already: then only its id tells. Does not belong here: offsets that are gone (`stream.query`).
"""

from __future__ import annotations

from typing import Any

from pinterest_platform.stores.kafka import Topic
from pinterest_platform.stores.postgres import Connection
from pinterest_platform.stream.query import StreamOffsetsLostError

_REMEMBER = "INSERT INTO stream_topic (topic, topic_id) VALUES (%s, %s) ON CONFLICT DO NOTHING"
_KNOWN = "SELECT topic_id FROM stream_topic WHERE topic = %s"


def demand_same_topic(connection: Connection, topic: Topic) -> None:
    """Remember the topic's id when it is first streamed; later, refuse another topic of that name.

    Raises:
        StreamOffsetsLostError: the topic was recreated.
    """
    identity = topic.identity()
    connection.execute(_REMEMBER, [topic.topic, identity])
    row: Any = connection.execute(_KNOWN, [topic.topic]).fetchone()
    if row[0] != identity:
        raise StreamOffsetsLostError(
            f"The topic {topic.topic} was recreated: Kafka calls it {identity}, and the stream has read {row[0]}. Its "
            "offsets begin anew, and would be taken for records that are stored already. Start the stream's tables "
            "anew too, as docs/operations.md says."
        )
