"""Kafka: create the topic, look up offsets, read ranges of records.

Nothing joins a consumer group or commits an offset, so reading never changes what others see.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Protocol, TypeVar

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, NewTopic
from kafka.errors import KafkaError, OffsetOutOfRangeError, TopicAlreadyExistsError

from pinterest_platform.connections import kafka_python_options
from pinterest_platform.kafka_refusal import kafka_refusal
from pinterest_platform.pins.calendar import now_ms
from pinterest_platform.settings import Settings
from pinterest_platform.stores.kafka_batches import Record, read_as_records
from pinterest_platform.stores.topic_settings import TopicSettings, wanted_settings

# Records fetched and decoded beyond the requested range are discarded, which tripled the cost of a small day. This also
# bounds the memory of a read: two fetches, and one decompressed batch.
_FETCH_BYTES = 2 * 1024 * 1024
_POLLED_RECORDS = 2_000
# A read ends at the end offset of its start, so it need not wait for new records.
_LONGEST_FETCH_MS = 50
# Between two checks of the position. Offsets without a record (transaction markers, aborted records, gaps from
# compaction) do not end a poll.
_LOOK_MS = 10
# How long the broker may return nothing although it has records.
_PATIENCE_SECONDS = 10.0
# A reader that moves to other offsets during a fetch sleeps this long; the default is a tenth of a second.
_BACKOFF_MS = 10
Answer = TypeVar("Answer")


class TopicUnavailableError(Exception):
    """The broker or its topic cannot be reached."""


class TopicMissingError(TopicUnavailableError):
    """The broker answers, but does not know the topic."""


READING_ERRORS = (TopicUnavailableError, KafkaError)
"""What reading one partition raises if it is unavailable or corrupt. Others may still be read."""


class RecordsDeletedError(Exception):
    """Kafka deleted records while they were being read."""


class Topic(Protocol):
    """One topic as landing reads it: committed records only. Offsets are mappings from partition to offset."""

    topic: str

    def identity(self) -> str:
        """Kafka's id of the topic. A recreated topic has another one."""

    def partitions(self) -> list[int]:
        """The topic's partitions, in order."""

    def beginning_offsets(self) -> dict[int, int]:
        """The first offset that Kafka still has."""

    def end_offsets(self) -> dict[int, int]:
        """The last stable offset: all below it is decided. Without transactions, the offset of the next record."""

    def offsets_at(self, timestamp_ms: int) -> dict[int, int]:
        """The first offset with a record of that time or later; the end offset if there is none."""

    def read(self, partition: int, start: int, stop: int) -> Iterator[Record]:
        """The records with offsets in [start, stop), in order. Offsets may have gaps (compaction, transactions).

        `stop` is at most the partition's end offset.

        Raises:
            RecordsDeletedError: Kafka no longer has the offset `start`.
        """


def create_topic(settings: Settings) -> None:
    """Create the topic with the platform's settings. An existing topic stays as it is."""
    topic = NewTopic(
        name=settings.kafka_topic,
        num_partitions=settings.kafka_partitions,
        replication_factor=settings.kafka_replication_factor,
        topic_configs=wanted_settings(settings, now_ms()),
    )
    with _admin(settings) as admin, suppress(TopicAlreadyExistsError):
        admin.create_topics([topic])


def complete_topic(settings: Settings) -> None:
    """Set the platform's settings that the topic does not set itself. Only for a topic that the platform owns."""
    with _admin(settings) as admin:
        chosen = admin.describe_configs([_resource(settings, None)])["topic"][settings.kafka_topic]
        wanted = wanted_settings(settings, now_ms())
        missing = {name: value for name, value in wanted.items() if name not in chosen}
        if missing:
            admin.alter_configs([_resource(settings, missing)])


def describe_topic(settings: Settings) -> TopicSettings:
    """The topic's settings, including defaults of the broker.

    Raises:
        TopicUnavailableError: Kafka is unavailable, or has no such topic.
    """
    try:
        with _admin(settings) as admin:
            [described] = admin.describe_topics([settings.kafka_topic])
            found = admin.describe_configs([_resource(settings, None)], config_filter="all")
    except KafkaError as error:
        raise TopicUnavailableError(_why_not(settings)) from error
    if not described["partitions"]:
        raise TopicUnavailableError(_unavailable(settings))
    values = found["topic"][settings.kafka_topic]
    return TopicSettings(
        values={name: about["value"] for name, about in values.items() if about["value"] is not None},
        replication_factor=min(len(partition["replica_nodes"]) for partition in described["partitions"]),
    )


def is_compacted(settings: Settings) -> bool:
    """Whether Kafka removes a record when a newer one has the same key."""
    return "compact" in describe_topic(settings).values["cleanup.policy"]


def _resource(settings: Settings, values: Mapping[str, str] | None) -> Any:
    return ConfigResource(ConfigResourceType.TOPIC, settings.kafka_topic, values)


@contextmanager
def _admin(settings: Settings) -> Iterator[Any]:
    timeout_ms = int(_PATIENCE_SECONDS * 1000)
    admin = KafkaAdminClient(
        **kafka_python_options(settings), bootstrap_timeout_ms=timeout_ms, request_timeout_ms=timeout_ms
    )
    try:
        yield admin
    finally:
        admin.close()


@contextmanager
def open_topic(settings: Settings, timeout_seconds: float = 10.0) -> Iterator[TopicReader]:
    """A reader of the platform's topic, closed at the end.

    Raises:
        TopicUnavailableError: the broker does not answer, refuses us, or does not know the topic.
    """
    timeout_ms = int(timeout_seconds * 1000)
    try:
        consumer = KafkaConsumer(
            **kafka_python_options(settings),
            enable_auto_commit=False,
            isolation_level="read_committed",
            auto_offset_reset="none",  # a deleted offset must be an error: skipping it would leave a gap
            bootstrap_timeout_ms=timeout_ms,
            request_timeout_ms=timeout_ms,
            max_partition_fetch_bytes=_FETCH_BYTES,
            max_poll_records=_POLLED_RECORDS,
            fetch_max_wait_ms=_LONGEST_FETCH_MS,
            retry_backoff_ms=_BACKOFF_MS,
        )
    except KafkaError as error:
        raise TopicUnavailableError(_why_not(settings)) from error
    read_as_records(consumer)
    try:
        yield TopicReader(consumer, settings)
    finally:
        consumer.close()


def _why_not(settings: Settings) -> str:
    refusal = kafka_refusal(settings)
    return (
        f"Kafka at {settings.kafka_bootstrap_servers} cannot be used: {refusal}." if refusal else _unavailable(settings)
    )


def _unavailable(settings: Settings) -> str:
    return (
        f"Kafka at {settings.kafka_bootstrap_servers} does not serve the topic {settings.kafka_topic}: "
        "see that the broker runs (make status) and that PINTEREST_KAFKA_BOOTSTRAP_SERVERS names it."
    )


class TopicReader:
    """A `Topic` of a Kafka broker."""

    def __init__(self, consumer: Any, settings: Settings) -> None:
        self.topic = settings.kafka_topic
        self._consumer = consumer
        self._settings = settings
        self._unavailable = _unavailable(settings)

    def identity(self) -> str:
        self.partitions()  # raises if there is no such topic
        with _admin(self._settings) as admin:
            [described] = admin.describe_topics([self.topic])
        return str(described["topic_id"])

    def partitions(self) -> list[int]:
        partitions = self._consumer.partitions_for_topic(self.topic)
        if not partitions:
            raise TopicMissingError(self._unavailable)
        return sorted(partitions)

    def beginning_offsets(self) -> dict[int, int]:
        return self._offsets(lambda: self._consumer.beginning_offsets(self._all()))

    def end_offsets(self) -> dict[int, int]:
        return self._offsets(lambda: self._consumer.end_offsets(self._all()))

    def offsets_at(self, timestamp_ms: int) -> dict[int, int]:
        found = self._ask(lambda: self._consumer.offsets_for_times(dict.fromkeys(self._all(), timestamp_ms)))
        ends = self.end_offsets()
        if lacking := ends.keys() - {source.partition for source in found}:
            raise TopicUnavailableError(self._without_leader(min(lacking)))
        return {
            tp.partition: min(at.offset, ends[tp.partition]) if at else ends[tp.partition] for tp, at in found.items()
        }

    def read(self, partition: int, start: int, stop: int) -> Iterator[Record]:
        if start >= stop:
            return
        source = TopicPartition(self.topic, partition)
        self._consumer.assign([source])
        self._consumer.seek(source, start)
        position, patience_ends = start, time.monotonic() + _PATIENCE_SECONDS
        while position < stop:
            batch, reached = self._poll(source)
            for record in batch:
                if record.offset >= stop:
                    return
                yield record
            if reached > position:
                position, patience_ends = reached, time.monotonic() + _PATIENCE_SECONDS
            elif time.monotonic() > patience_ends:
                raise TopicUnavailableError(self._unavailable)

    def _poll(self, source: Any) -> tuple[list[Record], int]:
        """The records that have arrived, if any, and the offset after everything examined."""
        try:
            batch: list[Record] = self._consumer.poll(timeout_ms=_LOOK_MS).get(source, [])
            return batch, self._consumer.position(source)
        except OffsetOutOfRangeError as error:
            raise RecordsDeletedError(
                f"Kafka deleted records of {self.topic}, partition {source.partition}, while they were read. Run it "
                f"again: it lands what is left and records what is lost."
            ) from error

    def _all(self) -> list[Any]:
        return [TopicPartition(self.topic, partition) for partition in self.partitions()]

    def _offsets(self, ask: Callable[[], Mapping[Any, int]]) -> dict[int, int]:
        return {source.partition: offset for source, offset in self._ask(ask).items()}

    def _ask(self, ask: Callable[[], Answer]) -> Answer:
        try:
            return ask()
        except KeyError as error:  # kafka-python leaves out partitions without a leader, then looks for them
            raise TopicUnavailableError(self._without_leader(getattr(error.args[0], "partition", "?"))) from error
        except KafkaError as error:
            raise TopicUnavailableError(f"{self._unavailable} ({type(error).__name__})") from error

    def _without_leader(self, partition: object) -> str:
        return (
            f"Kafka at {self._settings.kafka_bootstrap_servers} has no leader for partition {partition} of "
            f"{self.topic} at the moment: see that all brokers run."
        )
