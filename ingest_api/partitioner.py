"""Which partition a key goes to.

CRC-32 of the key modulo the number of partitions: what librdkafka, and with it most clients that are not Java, does by
default (`consistent`). kafka-python's own default is Java's murmur2 in pure Python, which costs more than
everything else that becomes of a record together (`benchmarks.ingest_choices`).
"""

from __future__ import annotations

import zlib
from typing import Any

from kafka.partitioner import Partitioner


def partition_of(key: bytes, partitions: int) -> int:
    """The partition of `key` in a topic that has so many."""
    return zlib.crc32(key) % partitions


class KeyPartitioner(Partitioner):  # type: ignore[misc]
    """The same, for a `KafkaProducer`."""

    def partition(
        self, topic: str, key: Any, serialized_key: bytes, value: Any, serialized_value: bytes, cluster: Any
    ) -> int:
        """Kafka's partitions of a topic are numbered without a gap."""
        return partition_of(serialized_key, len(cluster.partitions_for_topic(topic)))
