"""Sends hostile records to a real topic with every kind of producer, and keeps the offset of each.

The topic is configured as other users may have done.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import ConfigResource, ConfigResourceType, NewTopic
from kafka.serializer import Serializer

from pinterest_platform.connections import kafka_python_options
from pinterest_platform.settings import Settings
from pinterest_platform_tests.support.hostile_records import Fate, HostileRecord, Kind, Way

_NULL = b"what the serializer makes a null of"
_CODECS = {Way.GZIP: "gzip", Way.SNAPPY: "snappy", Way.LZ4: "lz4", Way.ZSTD: "zstd"}
_TOGETHER = 500  # records on their way at once; a transaction has as many at the most
_PATIENCE_SECONDS = 60
_ANY_TIME = {
    "message.timestamp.type": "CreateTime",
    "message.timestamp.before.max.ms": str(2**63 - 1),
    "message.timestamp.after.max.ms": str(2**63 - 1),
    "retention.ms": "-1",
}


@dataclass(frozen=True)
class Sent:
    """A record that Kafka has acknowledged. `group` is the same for those that were made together."""

    kind: Kind
    record: HostileRecord
    group: int
    partition: int
    offset: int
    timestamp_ms: int

    @property
    def is_anywhere(self) -> bool:
        return self.kind.fate is not Fate.NOWHERE


class _Name(str):
    """A header's name of bytes that are no text: kafka-python asks it for its UTF-8."""

    wire: bytes

    def encode(self, *_: Any, **__: Any) -> bytes:
        return self.wire


class _ValueOrNull(Serializer):  # type: ignore[misc]
    """Makes nulls of what stands for them: kafka-python takes no record that has neither a key nor a value."""

    def serialize(self, topic: str, headers: Any, data: bytes) -> bytes | None:
        return None if data == _NULL else data


class HostileProducers:
    """A producer for each way. Open it by `hostile_producers`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._producers: dict[Way, Any] = {}

    def send(self, made: Iterable[tuple[Kind, Sequence[HostileRecord]]]) -> Iterator[Sent]:
        """Sends some at a time, in their order within a way, and tells where they lie.

        Raises:
            kafka.errors.KafkaError: the broker refuses one.
        """
        waiting: list[tuple[int, Kind, HostileRecord]] = []
        for group, (kind, records) in enumerate(made):
            waiting += [(group, kind, record) for record in records]
            if len(waiting) >= _TOGETHER:
                yield from self._send_all(waiting)
                waiting = []
        yield from self._send_all(waiting)

    def close(self) -> None:
        for producer in self._producers.values():
            producer.close(timeout=_PATIENCE_SECONDS)

    def _send_all(self, waiting: list[tuple[int, Kind, HostileRecord]]) -> Iterator[Sent]:
        def way_of(one: tuple[int, Kind, HostileRecord]) -> str:
            return (one[2].way or Way.PLAIN).value

        for way, of_way in groupby(sorted(waiting, key=way_of), key=way_of):
            yield from self._send_by(Way(way), list(of_way))

    def _send_by(self, way: Way, records: list[tuple[int, Kind, HostileRecord]]) -> list[Sent]:
        producer = self._producer(way)
        in_transaction = way in (Way.COMMITTED, Way.ABORTED)
        if in_transaction:
            producer.begin_transaction()
        futures = [self._post(producer, record) for _, _, record in records]
        producer.flush(timeout=_PATIENCE_SECONDS)
        placed = [future.get(timeout=_PATIENCE_SECONDS) for future in futures]
        if in_transaction:
            end: Callable[[], None] = (
                producer.commit_transaction if way is Way.COMMITTED else producer.abort_transaction
            )
            end()
        return [
            Sent(kind, record, group, at.partition, at.offset, at.timestamp)
            for (group, kind, record), at in zip(records, placed, strict=True)
        ]

    def _post(self, producer: Any, record: HostileRecord) -> Any:
        return producer.send(
            self._settings.kafka_topic,
            key=record.key,
            value=_NULL if record.value is None else record.value,
            headers=[(_name(name), value) for name, value in record.headers],
            partition=record.partition,
            timestamp_ms=int(time.time() * 1_000) if record.timestamp_ms is None else record.timestamp_ms,
        )

    def _producer(self, way: Way) -> Any:
        if way not in self._producers:
            self._producers[way] = _open_producer(self._settings, way)
        return self._producers[way]


@contextmanager
def hostile_producers(settings: Settings) -> Iterator[HostileProducers]:
    """The producers until the end of the block."""
    producers = HostileProducers(settings)
    try:
        yield producers
    finally:
        producers.close()


def create_topic_of_others(settings: Settings, partitions: int = 3) -> None:
    """The topic without a limit to the times of its records, as nobody who knows the platform would make it."""
    topic = NewTopic(settings.kafka_topic, num_partitions=partitions, replication_factor=1, topic_configs=_ANY_TIME)
    admin = KafkaAdminClient(**kafka_python_options(settings))
    try:
        admin.create_topics([topic])
    finally:
        admin.close()


def lift_limits_of_times(settings: Settings) -> None:
    """Makes a topic that is there one of others, in this respect."""
    admin = KafkaAdminClient(**kafka_python_options(settings))
    try:
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, settings.kafka_topic, configs=_ANY_TIME)])
    finally:
        admin.close()


def _open_producer(settings: Settings, way: Way) -> Any:
    options: dict[str, Any] = {"linger_ms": 20, "batch_size": 256 * 1024, "compression_type": _CODECS.get(way)}
    if way is Way.ALONE:
        # Times of one batch are written as differences, and those of these have more than 64 bits.
        options |= {"batch_size": 1, "linger_ms": 0}
    if way in (Way.COMMITTED, Way.ABORTED):
        options["transactional_id"] = f"hostile-{uuid.uuid4()}"
    producer = KafkaProducer(
        **kafka_python_options(settings),
        value_serializer=_ValueOrNull(),
        acks="all",
        max_request_size=2 * 1024 * 1024,
        **options,
    )
    if "transactional_id" in options:
        producer.init_transactions()
    return producer


def _name(name: bytes) -> _Name:
    made = _Name(name.decode(errors="replace"))
    made.wire = name
    return made
