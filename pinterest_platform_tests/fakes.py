"""In-memory twins of the stores, for tests in seconds. The suites that use them also run over the real ones."""

from __future__ import annotations

import hashlib
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from pinterest_platform.stores.kafka import RecordsDeletedError
from pinterest_platform.stores.kafka_batches import Record
from pinterest_platform.stores.s3 import StoredObject


class FakeTopic:
    """A topic in memory; `delete_before` plays Kafka's retention."""

    def __init__(self, topic: str = "pins", partitions: int = 1, identity: str = "the first") -> None:
        self.topic = topic
        self._identity = identity
        self._records: dict[int, list[Record]] = {partition: [] for partition in range(partitions)}
        self._beginnings: dict[int, int] = defaultdict(int)

    def post(self, timestamp: int, value: bytes | None, key: bytes | None = b"k", partition: int = 0) -> None:
        log = self._records[partition]
        log.append(Record(self.topic, partition, len(log), timestamp, key, value))

    def delete_before(self, partition: int, offset: int) -> None:
        self._beginnings[partition] = offset

    def add_partition(self) -> None:
        self._records[len(self._records)] = []

    def cut(self, partition: int, offset: int) -> None:
        """Lose the newest records, as an unclean election of a leader does."""
        del self._records[partition][offset:]

    def identity(self) -> str:
        return self._identity

    def partitions(self) -> list[int]:
        return sorted(self._records)

    def beginning_offsets(self) -> dict[int, int]:
        return {partition: self._beginnings[partition] for partition in self._records}

    def end_offsets(self) -> dict[int, int]:
        return {partition: len(log) for partition, log in self._records.items()}

    def offsets_at(self, timestamp_ms: int) -> dict[int, int]:
        return {partition: self._offset_at(partition, timestamp_ms) for partition in self._records}

    def read(self, partition: int, start: int, stop: int) -> Iterator[Record]:
        if start < self._beginnings[partition] and start < stop:
            raise RecordsDeletedError(f"{self.topic} begins at {self._beginnings[partition]}")
        yield from self._records[partition][start:stop]

    def _offset_at(self, partition: int, timestamp_ms: int) -> int:
        kept = self._records[partition][self._beginnings[partition] :]
        return next(
            (record.offset for record in kept if record.timestamp >= timestamp_ms), len(self._records[partition])
        )


class FakeBucket:
    """A bucket in memory."""

    name = "fake"

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self._metadata: dict[str, Mapping[str, str]] = {}
        self._one_at_a_time = threading.Lock()

    def get(self, key: str) -> bytes:
        return self.objects[key]

    def put(self, key: str, body: bytes, metadata: Mapping[str, str]) -> None:
        self.objects[key], self._metadata[key] = body, dict(metadata)

    def create(self, key: str, body: bytes, metadata: Mapping[str, str]) -> bool:
        with self._one_at_a_time:
            if key in self.objects:
                return False
            self.put(key, body, metadata)
            return True

    def replace(self, described: StoredObject, body: bytes, metadata: Mapping[str, str]) -> bool:
        with self._one_at_a_time:
            if self.describe(described.key) != described:
                return False
            self.put(described.key, body, metadata)
            return True

    def copy(self, key: str, to: str) -> None:
        self.put(to, self.objects[key], self._metadata[key])

    def list(self, prefix: str) -> Iterator[StoredObject]:
        for key in sorted(self.objects):
            if key.startswith(prefix):
                yield StoredObject(key, len(self.objects[key]))

    def describe(self, key: str) -> StoredObject | None:
        if key not in self.objects:
            return None
        body = self.objects[key]
        return StoredObject(key, len(body), self._metadata[key], hashlib.sha256(body).hexdigest())

    def delete(self, keys: Iterable[str]) -> None:
        for key in list(keys):
            self.objects.pop(key, None)
            self._metadata.pop(key, None)
