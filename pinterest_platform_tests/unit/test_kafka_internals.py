"""That kafka-python still has the private parts that we use."""

from __future__ import annotations

import inspect

import kafka
import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.cluster import ClusterMetadata
from kafka.consumer.fetcher import Fetcher
from kafka.producer.record_accumulator import AtomicInteger, IncompleteProducerBatches, RecordAccumulator
from kafka.producer.sender import Sender
from kafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder
from kafka.record.memory_records import MemoryRecords

from pinterest_platform.kafka_internals import FetchedRecords, KafkaNetClient, MemoryRecordsBuilder, ProducerBatch

PLACE = TopicPartition("pins", 0)
BUILDER = MemoryRecordsBuilder(2, 0, 1_000)


def encoded() -> bytes:
    builder = DefaultRecordBatchBuilder(2, 0, False, -1, -1, -1, 1_000)
    builder.append(0, 1_000, None, b"value", [])
    return bytes(builder.build())


def moved(user: str, names: object) -> str:
    return f"kafka-python {kafka.__version__} has moved {names}: see to kafka_internals.py and {user}."


@pytest.mark.parametrize(
    ("user", "thing", "names"),
    [
        (
            "stores/kafka_batches.py",
            FetchedRecords(0, PLACE, MemoryRecords(b"")),
            "isolation_level aborted_producer_ids leader_epoch next_fetch_offset drain _unpack_records "
            "_consume_aborted_transactions_up_to _contains_abort_marker _is_batch_aborted",
        ),
        ("stores/kafka_batches.py", DefaultRecordBatch(encoded()), "_buffer _pos"),
        ("ingest_api/record_batch.py", ProducerBatch(PLACE, BUILDER), "_record_futures produce_future records"),
        ("ingest_api/record_batch.py", BUILDER, "_builder _closed _next_offset next_offset"),
        (
            "ingest_api/record_batch.py",
            BUILDER._builder,
            "_buffer _first_timestamp _max_timestamp _last_offset _num_records",
        ),
        (
            "ingest_api/kafka_connection.py",
            RecordAccumulator(batch_size=1_000, message_version=2),
            "_appends_in_progress _tp_lock _closed _batches _incomplete config",
        ),
        ("ingest_api/kafka_connection.py", AtomicInteger, "increment decrement"),
        ("ingest_api/kafka_connection.py", IncompleteProducerBatches, "add"),
        ("ingest_api/kafka_connection.py", Sender, "wakeup force_close join"),
        ("ingest_api/kafka_connection.py", KafkaNetClient, "close cluster"),
        (
            "ingest_api/kafka_connection.py",
            ClusterMetadata(),
            "config partitions_for_topic available_partitions_for_topic request_update",
        ),
    ],
)
def test_kafka_python_still_has_what_we_use(user: str, thing: object, names: str) -> None:
    missing = [name for name in names.split() if not hasattr(thing, name)]

    assert missing == [], moved(user, missing)


@pytest.mark.parametrize(
    ("user", "code", "said"),
    [
        ("stores/kafka_batches.py", Fetcher._parse_fetched_data, "self.PartitionRecords("),
        ("fetcher_of", KafkaConsumer.__init__, "self._fetcher"),
        ("sender_of", KafkaProducer.__init__, "self._sender"),
        ("accumulator_of", KafkaProducer.__init__, "self._accumulator"),
        ("ingest_api/kafka_connection.py", KafkaProducer.__init__, "self.config['kafka_client']("),
    ],
)
def test_kafka_python_still_works_through_what_we_replace(user: str, code: object, said: str) -> None:
    assert said in inspect.getsource(code), moved(user, said)  # type: ignore[arg-type]
