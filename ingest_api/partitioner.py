"""The partition of a key: CRC-32 modulo the number of partitions, like librdkafka's `consistent` partitioner.

kafka-python's default is Java's murmur2 in pure Python, which takes more CPU time than everything else that is done
with a record (`benchmarks.ingest_choices`).
"""

from __future__ import annotations

import zlib
from typing import Any

from kafka.partitioner import Partitioner


def partition_of(key: bytes, partitions: int) -> int:
    """The partition of `key` in a topic with `partitions` partitions."""
    return zlib.crc32(key) % partitions


class KeyPartitioner(Partitioner):  # type: ignore[misc]
    """`partition_of` for a `KafkaProducer`."""

    def partition(
        self, topic: str, key: Any, serialized_key: bytes, value: Any, serialized_value: bytes, cluster: Any
    ) -> int:
        """The partition of the key. A topic's partitions are numbered without gaps."""
        return partition_of(serialized_key, len(cluster.partitions_for_topic(topic)))
