"""In-memory twins of the stores, for fast tests. The suites that use them also run over the real stores."""

from __future__ import annotations

import hashlib
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from pinterest_platform.stores.kafka import RecordsDeletedError
from pinterest_platform.stores.kafka_batches import Record
from pinterest_platform.stores.s3 import StoredObject


class FakeTopic:
    """A topic in memory, as who reads committed records sees it. `delete_before` plays Kafka's retention."""

    def __init__(self, topic: str = "pins", partitions: int = 1, identity: str = "the first") -> None:
        self.topic = topic
        self._identity = identity
        self._logs: dict[int, list[Record | None]] = {partition: [] for partition in range(partitions)}
        self._beginnings: dict[int, int] = defaultdict(int)
        self._undecided: dict[int, int] = {}

    def post(self, timestamp: int, value: bytes | None, key: bytes | None = b"k", partition: int = 0) -> None:
        log = self._logs[partition]
        log.append(Record(self.topic, partition, len(log), timestamp, key, value))

    def post_transaction(self, timestamp: int, values: Iterable[bytes], partition: int = 0) -> None:
        """Records of a committed transaction, and the offset of its end."""
        for value in values:
            self.post(timestamp, value, partition=partition)
        self.skip(1, partition)

    def post_aborted(self, timestamp: int, values: Iterable[bytes], partition: int = 0) -> None:
        """What nobody is to read: the records of an aborted transaction, and its end."""
        self.skip(len(list(values)) + 1, partition)

    def skip(self, offsets: int, partition: int = 0) -> None:
        """Offsets without a record."""
        self._logs[partition].extend([None] * offsets)

    @contextmanager
    def open_transaction(self, partition: int = 0) -> Iterator[None]:
        """A transaction of another producer, which has written one record and aborts at the end."""
        self._undecided[partition] = len(self._logs[partition])
        self.skip(1, partition)
        yield
        del self._undecided[partition]
        self.skip(1, partition)

    def compact(self, partition: int, offset: int) -> None:
        """Take one record away, as compaction does."""
        self._logs[partition][offset] = None

    def delete_before(self, partition: int, offset: int) -> None:
        self._beginnings[partition] = offset

    def add_partition(self) -> None:
        self._logs[len(self._logs)] = []

    def cut(self, partition: int, offset: int) -> None:
        """Lose the newest records, as an unclean election of a leader does."""
        del self._logs[partition][offset:]

    def identity(self) -> str:
        return self._identity

    def partitions(self) -> list[int]:
        return sorted(self._logs)

    def beginning_offsets(self) -> dict[int, int]:
        return {partition: self._beginnings[partition] for partition in self._logs}

    def end_offsets(self) -> dict[int, int]:
        return {partition: self._undecided.get(partition, len(log)) for partition, log in self._logs.items()}

    def offsets_at(self, timestamp_ms: int) -> dict[int, int]:
        return {partition: self._offset_at(partition, timestamp_ms) for partition in self._logs}

    def read(self, partition: int, start: int, stop: int) -> Iterator[Record]:
        if start < self._beginnings[partition] and start < stop:
            raise RecordsDeletedError(f"{self.topic} begins at {self._beginnings[partition]}")
        yield from (record for record in self._logs[partition][start:stop] if record)

    def _offset_at(self, partition: int, timestamp_ms: int) -> int:
        end = self.end_offsets()[partition]
        kept = self._logs[partition][self._beginnings[partition] : end]
        return next((record.offset for record in kept if record and record.timestamp >= timestamp_ms), end)


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
