"""Accept a topic that was recreated, or that is on another cluster, as a new epoch of both layers.

What the batch and the stream have of earlier epochs stays. Records that only the stream had read before the old topic
was gone cannot be landed any more: they are recorded as lost for the days that they belong to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from typing import Any

from pinterest_platform.landing.ledger import Ledger, extend_ledger, read_ledger
from pinterest_platform.landing.losses import Loss, record_loss
from pinterest_platform.landing.rerun_requests import request_reruns
from pinterest_platform.landing.topic_identity import KnownTopic, bind_bucket, known_topics
from pinterest_platform.pins.calendar import today
from pinterest_platform.settings import Settings
from pinterest_platform.stores.epochs import epoch_of
from pinterest_platform.stores.kafka import open_topic
from pinterest_platform.stores.postgres import Connection, connect, migrate
from pinterest_platform.stores.s3 import ObjectStore, open_bucket
from pinterest_platform.stream.progress import known_topic, lock_batches, next_offsets
from pinterest_platform.stream.topic_identity import bind_stream

_MOST_DAYS_REQUESTED = 31
_LAST_DAY = "SELECT max(ingest_date) FROM pinterest_stream WHERE kafka_partition = %s AND kafka_offset >= %s"


@dataclass(frozen=True)
class Acceptance:
    """What was accepted, and what the layers lack of the epochs before it.

    `is_new` is False if both layers had this topic already. `lost` are records that only the stream has. `unstreamed`
    is the number of offsets, per partition, that only the batch has.
    """

    current: KnownTopic
    is_new: bool
    lost: tuple[Loss, ...] = ()
    unstreamed: Mapping[int, int] | None = None


def accept_topic(settings: Settings) -> Acceptance:
    """Let both layers go on with the topic that Kafka has now. It may be called again after a failure in between.

    A topic that was accepted before, such as one that is restored, continues its own epoch.

    Raises:
        TopicUnavailableError: Kafka is unavailable, or has no such topic.
        S3UnavailableError: S3 is unavailable. Errors of PostgreSQL pass through.
    """
    migrate(settings)
    bucket = open_bucket(settings)
    with open_topic(settings) as topic, closing(connect(settings, autocommit=True)) as connection:
        known, identity = known_topics(bucket), topic.identity()
        before = known[-1].topic if known else topic.topic
        streamed = known_topic(connection, before) or known_topic(connection, topic.topic)
        current = KnownTopic(topic.topic, identity, _epoch(known, streamed, topic.topic, identity))
        if known[-1:] == [current] and streamed == (identity, current.epoch):
            return Acceptance(current, is_new=False)
        progress, ledger = next_offsets(connection, before), read_ledger(bucket)
        lost = tuple(_lost(connection, before, current.epoch, ledger, progress))
        _record(bucket, lost)
        bind_bucket(bucket, current)
        with connection.transaction():
            lock_batches(connection)
            bind_stream(connection, current.topic, current.id, current.epoch, before)
    return Acceptance(current, True, lost, _unstreamed(current.epoch, ledger, progress))


def _epoch(known: list[KnownTopic], streamed: tuple[str, int] | None, topic: str, identity: str) -> int:
    """The epoch that either layer knows the topic by; otherwise the next one."""
    numbers = [one.epoch for one in known if (one.topic, one.id) == (topic, identity)]
    if streamed and streamed[0] == identity:
        numbers.append(streamed[1])
    if numbers:
        return max(numbers)
    epochs = [*(one.epoch for one in known), *([streamed[1]] if streamed else [])]
    return max(epochs) + 1 if epochs else 0


def _lost(
    connection: Connection, topic: str, epoch: int, ledger: Ledger, progress: Mapping[int, int]
) -> Iterator[Loss]:
    """The offsets of earlier epochs that the stream has passed and that are not in S3."""
    ends = ledger.ends()
    for partition, following in sorted(progress.items()):
        first = ends.get(partition, 0)
        if epoch_of(partition) != epoch and first < following:
            last_day = _last_day(connection, partition, first) or today()  # rejects alone are no rows
            first_day = ledger.day_at(partition, first) or last_day
            yield Loss(topic, partition, first, following, first_day, last_day, before_first_landing=False)


def _last_day(connection: Connection, partition: int, first: int) -> date | None:
    row: Any = connection.execute(_LAST_DAY, [partition, first]).fetchone()
    return row[0]  # type: ignore[no-any-return] # a date of PostgreSQL


def _record(bucket: ObjectStore, lost: tuple[Loss, ...]) -> None:
    """As landing does: the losses and the rerun requests first, then the ledger."""
    for loss in lost:
        record_loss(bucket, loss)
        request_reruns(bucket, loss.days(_MOST_DAYS_REQUESTED))
    extend_ledger(bucket, Ledger({loss.partition: [(loss.first, loss.following)] for loss in lost}))


def _unstreamed(epoch: int, ledger: Ledger, progress: Mapping[int, int]) -> dict[int, int]:
    return {
        partition: end - progress.get(partition, 0)
        for partition, end in ledger.ends().items()
        if epoch_of(partition) != epoch and end > progress.get(partition, 0)
    }
