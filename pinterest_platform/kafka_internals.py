"""Every private part of kafka-python that we use, and nothing else.

kafka-python promises nothing about these names, so its version is pinned. `unit.test_kafka_internals` says which of
them a new version has moved. What we build from them is in `ingest_api.record_batch`, `ingest_api.kafka_connection`
and `stores.kafka_batches`.
"""

from __future__ import annotations

from typing import Any

from kafka import KafkaConsumer, KafkaProducer
from kafka.consumer.fetcher import Fetcher
from kafka.net.compat import KafkaNetClient
from kafka.producer.producer_batch import ProducerBatch
from kafka.protocol.consumer import IsolationLevel
from kafka.record.memory_records import MemoryRecordsBuilder
from kafka.record.util import decode_varint, encode_varint

__all__ = [
    "FetchedRecords",
    "IsolationLevel",
    "KafkaNetClient",
    "MemoryRecordsBuilder",
    "ProducerBatch",
    "accumulator_of",
    "decode_varint",
    "encode_varint",
    "fetcher_of",
    "sender_of",
]

# What a fetch brought of one partition.
FetchedRecords = Fetcher.PartitionRecords


def sender_of(producer: KafkaProducer) -> Any:
    """The thread that sends a producer's batches."""
    return producer._sender


def accumulator_of(producer: KafkaProducer) -> Any:
    """A producer's batches that wait to be sent."""
    return producer._accumulator


def fetcher_of(consumer: KafkaConsumer) -> Any:
    """What makes a consumer's records of the broker's answers."""
    return consumer._fetcher
