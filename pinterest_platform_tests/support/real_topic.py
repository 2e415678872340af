"""A real topic that a test fills like other producers do, and whose records it can expire."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager

from kafka import KafkaAdminClient, KafkaProducer, TopicPartition

from pinterest_platform.pins.calendar import now_ms
from pinterest_platform.settings import Settings
from pinterest_platform.stores.kafka import open_topic
from pinterest_platform.stores.kafka_batches import Record


@contextmanager
def open_real_topic(settings: Settings) -> Iterator[RealTopic]:
    """The settings' topic, which exists."""
    with ExitStack() as stack:
        yield RealTopic(settings, stack)


class RealTopic:
    """A `Topic` of a broker, with what `FakeTopic` offers to fill it. What it opens is closed with the stack."""

    def __init__(self, settings: Settings, stack: ExitStack) -> None:
        self.topic = settings.kafka_topic
        self._settings, self._stack = settings, stack
        servers = settings.kafka_bootstrap_servers
        self._producer = stack.enter_context(
            closing(KafkaProducer(bootstrap_servers=servers, max_request_size=2_000_000))
        )
        self._admin = stack.enter_context(closing(KafkaAdminClient(bootstrap_servers=servers)))
        self._reader = stack.enter_context(open_topic(settings))

    def post(self, timestamp: int, value: bytes | None, key: bytes | None = b"k", partition: int = 0) -> None:
        self._producer.send(self.topic, value=value, key=key, partition=partition, timestamp_ms=timestamp).get(10)

    def post_transaction(self, timestamp: int, values: Iterable[bytes], partition: int = 0) -> None:
        with self._transaction() as producer:
            last = self._send(producer, timestamp, values, partition)
            producer.commit_transaction()
        self._wait_for_decision(partition, last)

    def post_aborted(self, timestamp: int, values: Iterable[bytes], partition: int = 0) -> None:
        with self._transaction() as producer:
            last = self._send(producer, timestamp, values, partition)
            producer.abort_transaction()
        self._wait_for_decision(partition, last)

    @contextmanager
    def open_transaction(self, partition: int = 0) -> Iterator[None]:
        with self._transaction() as producer:
            last = self._send(producer, now_ms(), [b"undecided"], partition)
            yield
            producer.abort_transaction()
        self._wait_for_decision(partition, last)

    def delete_before(self, partition: int, offset: int) -> None:
        self._admin.delete_records({TopicPartition(self.topic, partition): offset})

    def add_partition(self) -> None:
        before = self.partitions()
        self._admin.create_partitions({self.topic: len(before) + 1})
        while self.partitions() == before:  # a reader knows those that were there when it was opened
            self._reader = self._stack.enter_context(open_topic(self._settings))

    def identity(self) -> str:
        return self._reader.identity()

    def partitions(self) -> list[int]:
        return self._reader.partitions()

    def beginning_offsets(self) -> dict[int, int]:
        return self._reader.beginning_offsets()

    def end_offsets(self) -> dict[int, int]:
        return self._reader.end_offsets()

    def offsets_at(self, timestamp_ms: int) -> dict[int, int]:
        return self._reader.offsets_at(timestamp_ms)

    def read(self, partition: int, start: int, stop: int) -> Iterator[Record]:
        return self._reader.read(partition, start, stop)

    @contextmanager
    def _transaction(self) -> Iterator[KafkaProducer]:
        servers, name = self._settings.kafka_bootstrap_servers, uuid.uuid4().hex
        with closing(KafkaProducer(bootstrap_servers=servers, transactional_id=name)) as producer:
            producer.init_transactions()
            producer.begin_transaction()
            yield producer

    def _send(self, producer: KafkaProducer, timestamp: int, values: Iterable[bytes], partition: int) -> int:
        """Returns the offset of the last one."""
        sent = [
            producer.send(self.topic, value=value, key=b"k", partition=partition, timestamp_ms=timestamp)
            for value in values
        ]
        producer.flush()
        return max(int(future.get(10).offset) for future in sent)

    def _wait_for_decision(self, partition: int, last: int) -> None:
        # The broker answers before it has written the end of the transaction.
        while self.end_offsets()[partition] <= last:
            pass
