"""`make accept-topic`: go on with a topic that was recreated, or with another cluster."""

from __future__ import annotations

import psycopg

from infra.errors import StackError
from infra.local_stack.terminal import Terminal
from pinterest_platform.reconciliation.accept_topic import Acceptance
from pinterest_platform.reconciliation.accept_topic import accept_topic as accept
from pinterest_platform.settings import Settings
from pinterest_platform.stores.kafka import TopicUnavailableError
from pinterest_platform.stores.s3 import S3UnavailableError


def accept_topic(settings: Settings, terminal: Terminal) -> int:
    """Accepts the topic and says what is lost; returns 0.

    Raises:
        StackError: a store is unavailable.
    """
    try:
        acceptance = accept(settings)
    except (TopicUnavailableError, S3UnavailableError, psycopg.OperationalError) as error:
        raise StackError(f"Nothing or only a part was changed; run it again. {error}") from error
    for sentence in _in_words(acceptance):
        terminal.line(sentence)
    return 0


def _in_words(acceptance: Acceptance) -> list[str]:
    current = acceptance.current
    name = f"The topic {current.topic} with the id {current.id}"
    if not acceptance.is_new:
        return [f"{name} is known to both layers (epoch {current.epoch}). Nothing was changed."]
    lost = [f"Lost to the batch: {loss.in_words()}. Only the stream has them." for loss in acceptance.lost]
    unstreamed = [
        f"Only the batch has the last {offsets:,} offsets of partition {partition}."
        for partition, offsets in (acceptance.unstreamed or {}).items()
    ]
    return [
        f"✓ {name} is epoch {current.epoch} of both layers. The stream and the sensor go on by themselves.",
        *lost,
        *unstreamed,
        "Records that neither layer had read before the old topic was gone are lost, and nothing can count them.",
    ]
