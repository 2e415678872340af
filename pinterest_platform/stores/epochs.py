"""Epochs of the topic. Its offsets start again when it is recreated or moved to another cluster: a new epoch begins.

The platform's partition numbers carry the epoch: partition 2 is number 2 in epoch 0, 100,002 in epoch 1, and so on. So
a partition and an offset identify one record for good, in every store. Only this module and the stream's query
translate between these numbers and Kafka's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

from pinterest_platform.stores.kafka import Topic
from pinterest_platform.stores.kafka_batches import Record

PARTITIONS_AN_EPOCH = 100_000  # far more than a topic can have; the numbers stay readable
Value = TypeVar("Value")


def epoch_of(partition: int) -> int:
    """The epoch of a partition number."""
    return partition // PARTITIONS_AN_EPOCH


def first_number(partitions: Iterable[int]) -> int:
    """The number of Kafka's partition 0 in the epoch of these partitions."""
    return epoch_of(min(partitions)) * PARTITIONS_AN_EPOCH


def of_same_epoch(values: Mapping[int, Value], partitions: Iterable[int]) -> dict[int, Value]:
    """The values by partition of the epoch that these partitions have; empty if there are no partitions."""
    epochs = {epoch_of(partition) for partition in partitions}
    return {partition: value for partition, value in values.items() if epoch_of(partition) in epochs}


def in_epoch(topic: Topic, epoch: int) -> Topic:
    """The topic with the partition numbers of an epoch."""
    return TopicInEpoch(topic, epoch) if epoch else topic


class TopicInEpoch:
    """A `Topic` whose partitions have the numbers of an epoch above 0."""

    def __init__(self, topic: Topic, epoch: int) -> None:
        self.topic = topic.topic
        self._topic = topic
        self._first = epoch * PARTITIONS_AN_EPOCH

    def identity(self) -> str:
        return self._topic.identity()

    def partitions(self) -> list[int]:
        return [self._first + partition for partition in self._topic.partitions()]

    def beginning_offsets(self) -> dict[int, int]:
        return self._numbered(self._topic.beginning_offsets())

    def end_offsets(self) -> dict[int, int]:
        return self._numbered(self._topic.end_offsets())

    def offsets_at(self, timestamp_ms: int) -> dict[int, int]:
        return self._numbered(self._topic.offsets_at(timestamp_ms))

    def read(self, partition: int, start: int, stop: int) -> Iterator[Record]:
        for record in self._topic.read(partition - self._first, start, stop):
            yield Record(record.topic, partition, *record[2:])

    def _numbered(self, offsets: Mapping[int, int]) -> dict[int, int]:
        return {self._first + partition: offset for partition, offset in offsets.items()}
