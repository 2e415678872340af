"""One kafka-python producer that has found its topic. All of the API's calls into kafka-python start here.

It knows nothing of asyncio. Methods that block say so and have to run in a thread; `kafka_publisher` does that and
decides when to replace a producer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kafka import KafkaProducer, TopicPartition
from kafka.errors import IllegalStateError, KafkaTimeoutError, UnknownTopicOrPartitionError

from ingest_api.partitioner import partition_of
from ingest_api.publisher import BrokerUnavailableError
from ingest_api.publisher_result import PublisherResult
from ingest_api.record_batch import RecordBatch, Settled
from pinterest_platform.connections import kafka_python_options
from pinterest_platform.kafka_internals import KafkaNetClient, accumulator_of, sender_of
from pinterest_platform.kafka_refusal import kafka_refusal
from pinterest_platform.settings import Settings

CONNECT_TIMEOUT_MS = 1_000
# Together they keep the promise of an answer within 2 s, and what was not sent by then is dropped, never sent later.
REQUEST_TIMEOUT_MS = 1_400
DELIVERY_TIMEOUT_MS = 1_500

# Company for a record is waited for before it comes here (`kafka_publisher`).
LINGER_MS = 0
BATCH_BYTES = 256 * 1024
RECONNECT_BACKOFF_MAX_MS = 1_000

# The records of a delivery, at these positions, that go to one partition.
Share = tuple[PublisherResult, list[int]]


class KafkaConnection:
    """A producer for `settings.kafka_topic`, which tells `settled` what becomes of records. Making one blocks for 3 s.

    Raises:
        BrokerUnavailableError: the topic does not exist, or the broker refuses us.
        kafka.errors.KafkaError: the broker was not reached.
    """

    def __init__(self, settings: Settings, settled: Settled) -> None:
        self._settled = settled
        self._topic = settings.kafka_topic
        self._known_places: list[TopicPartition] = []
        try:
            self._producer = KafkaProducer(
                **kafka_python_options(settings),
                client_id="ingest-api",
                acks="all",
                enable_idempotence=True,
                linger_ms=LINGER_MS,
                batch_size=BATCH_BYTES,
                bootstrap_timeout_ms=CONNECT_TIMEOUT_MS,
                max_block_ms=CONNECT_TIMEOUT_MS,
                request_timeout_ms=REQUEST_TIMEOUT_MS,
                delivery_timeout_ms=DELIVERY_TIMEOUT_MS,
                reconnect_backoff_max_ms=RECONNECT_BACKOFF_MAX_MS,
                metrics_enabled=False,
                kafka_client=self._make_client,
            )
        except BaseException as error:
            self._client.close()
            if isinstance(error, KafkaTimeoutError) and (refusal := kafka_refusal(settings)):
                raise BrokerUnavailableError(refusal) from error
            raise
        self._find_topic()

    def _make_client(self, **configuration: Any) -> KafkaNetClient:
        # Kept, because readiness needs its view of the cluster. The platform creates the topic: asking for it must not.
        self._client = KafkaNetClient(**configuration)
        self._client.cluster.config["allow_auto_create_topics"] = False
        return self._client

    def _find_topic(self) -> None:
        try:
            self._producer.partitions_for(self._topic)
        except KafkaTimeoutError as error:
            self.finish(0)
            raise BrokerUnavailableError(f"it has no topic {self._topic}: create the topic") from error

    @property
    def knows_topic(self) -> bool:
        """False once the broker has said that the topic is gone: `send` would block."""
        return self._client.cluster.partitions_for_topic(self._topic) is not None

    @property
    def has_all_leaders(self) -> bool:
        """Whether, by the newest answer of the broker, every partition of the topic has a leader."""
        cluster = self._client.cluster
        return self.knows_topic and cluster.available_partitions_for_topic(self._topic) == cluster.partitions_for_topic(
            self._topic
        )

    def send(self, results: Sequence[PublisherResult]) -> None:
        """Hand over records, in their order. What becomes of them is told within `DELIVERY_TIMEOUT_MS`."""
        places = self._places()
        shares = _by_partition(results, len(places))
        are_due = [self._append(places[number], of_partition) for number, of_partition in shares.items()]
        if any(are_due):
            sender_of(self._producer).wakeup()

    def _places(self) -> Sequence[TopicPartition]:
        # Kafka's partitions have no gaps, and there may be more of them from one look to the next.
        partitions = self._client.cluster.partitions_for_topic(self._topic)
        if not partitions:
            raise UnknownTopicOrPartitionError(f"it has no topic {self._topic}")
        if len(self._known_places) != len(partitions):
            self._known_places = [TopicPartition(self._topic, number) for number in range(len(partitions))]
        return self._known_places

    def _append(self, place: TopicPartition, shares: Sequence[Share]) -> bool:
        # What `append` of kafka-python's accumulator does for one record, and `KafkaProducer.send` after it.
        accumulator = accumulator_of(self._producer)
        accumulator._appends_in_progress.increment()
        try:
            with accumulator._tp_lock(place):
                return self._fill(accumulator, place, shares)
        finally:
            accumulator._appends_in_progress.decrement()

    def _fill(self, accumulator: Any, place: TopicPartition, shares: Sequence[Share]) -> bool:
        if accumulator._closed:
            raise IllegalStateError("The producer is closed.")
        batches = accumulator._batches[place]
        batch = batches[-1] if batches else None
        is_new = False
        for result, positions in shares:
            rest: Sequence[int] = positions
            if isinstance(batch, RecordBatch):
                rest = rest[batch.append_run(result, rest) :]
            while rest:
                batch = RecordBatch(place, BATCH_BYTES, accumulator.config["compression_attrs"], self._settled)
                rest = rest[batch.append_run(result, rest) :]
                batches.append(batch)
                accumulator._incomplete.add(batch)
                is_new = True
        return is_new or len(batches) > 1

    def ask_for_leaders(self) -> Any:
        """Ask the broker for the state of the topic; kafka-python's future for the answer, shared by all who ask."""
        return self._client.cluster.request_update()

    def finish(self, seconds: float) -> None:
        """Settle what was handed over within `seconds`, drop the rest, and let go of the broker. Blocks."""
        try:
            self._producer.close(timeout=seconds)
        except KafkaTimeoutError:
            # close() gives up without stopping the thread that sends; there is no public way to stop it.
            sender = sender_of(self._producer)
            sender.force_close()
            sender.join()
            self._producer.close(timeout=0)


def _by_partition(results: Sequence[PublisherResult], partitions: int) -> dict[int, list[Share]]:
    shares: dict[int, list[Share]] = {}
    for result in results:
        positions: dict[int, list[int]] = {}
        for position, record in enumerate(result.records):
            positions.setdefault(partition_of(record.key, partitions), []).append(position)
        for number, of_partition in positions.items():
            shares.setdefault(number, []).append((result, of_partition))
    return shares
