"""Which topic a bucket belongs to: `landings/topic.json` has its name, Kafka's id of it, and its epoch.

A topic that was recreated or moved has another id. It is refused until it is accepted as a new epoch
(`reconciliation.accept_topic`), since its offsets are other records.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from pinterest_platform.stores.epochs import in_epoch
from pinterest_platform.stores.kafka import Topic
from pinterest_platform.stores.s3 import ObjectStore

_KEY = "landings/topic.json"


class TopicReplacedError(Exception):
    """The bucket has the records of a deleted topic; the current topic only has the same name."""


@dataclass(frozen=True)
class KnownTopic:
    """A topic that the bucket has records of. Files of earlier versions have no epoch: it is 0."""

    topic: str
    id: str
    epoch: int = 0


def keep_to_topic(bucket: ObjectStore, topic: Topic) -> Topic:
    """Bind the bucket to this topic, or verify that it is bound to it; returns the topic in its epoch.

    Raises:
        TopicReplacedError: the bucket belongs to another topic, possibly of the same name.
    """
    identity = topic.identity()
    if bucket.create(_KEY, _encode([KnownTopic(topic.topic, identity)]), {}):
        return topic
    before = _decode(bucket.get(_KEY))[-1]
    if (before.topic, before.id) != (topic.topic, identity):
        raise TopicReplacedError(
            f"The bucket {bucket.name} has the records of the topic {before.topic} with the id {before.id}, but "
            f"{topic.topic} now has the id {identity}: the topic was deleted and recreated, or Kafka is another "
            f"cluster. Nothing was landed. Restore the old topic, or go on with the new one: make accept-topic."
        )
    return in_epoch(topic, before.epoch)


def known_topics(bucket: ObjectStore) -> list[KnownTopic]:
    """The topics that the bucket was bound to, the current one last; empty if nothing was ever landed."""
    return _decode(bucket.get(_KEY)) if bucket.describe(_KEY) else []


def bind_bucket(bucket: ObjectStore, current: KnownTopic) -> None:
    """Bind the bucket to this topic from now on. Earlier ones stay known. Concurrent writers do not lose each other."""
    while True:
        stored = bucket.describe(_KEY)
        before = _decode(bucket.get(_KEY)) if stored else []
        body = _encode([*(known for known in before if known != current), current])
        if bucket.replace(stored, body, {}) if stored else bucket.create(_KEY, body, {}):
            return


def _encode(topics: Sequence[KnownTopic]) -> bytes:
    """The current topic's name and id stand where versions without epochs look for them, so that they refuse it too."""
    *earlier, current = topics
    about: dict[str, Any] = {"topic": current.topic, "id": current.id}
    if current.epoch or earlier:
        about |= {"epoch": current.epoch, "earlier": [vars(known) for known in earlier]}
    return orjson.dumps(about)


def _decode(body: bytes) -> list[KnownTopic]:
    about = orjson.loads(body)
    earlier = [KnownTopic(**known) for known in about.get("earlier", [])]
    return [*earlier, KnownTopic(about["topic"], about["id"], about.get("epoch", 0))]
