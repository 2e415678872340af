"""In-memory twins of the stores, for tests in seconds. The suites that use them also run over the real ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from pinterest_platform.stores.kafka import Record
from pinterest_platform.stores.s3 import StoredObject


class FakeTopic:
    """A topic in memory; `delete_before` plays Kafka's retention."""

    def __init__(self, topic: str = "pins", partitions: int = 1) -> None:
        self.topic = topic
        self._records: dict[int, list[Record]] = {partition: [] for partition in range(partitions)}
        self._beginnings: dict[int, int] = defaultdict(int)

    def post(self, timestamp: int, value: bytes | None, key: bytes | None = b"k", partition: int = 0) -> None:
        log = self._records[partition]
        log.append(Record(self.topic, partition, len(log), timestamp, key, value))

    def delete_before(self, partition: int, offset: int) -> None:
        self._beginnings[partition] = offset

    def partitions(self) -> list[int]:
        return sorted(self._records)

    def beginning_offsets(self) -> dict[int, int]:
        return {partition: self._beginnings[partition] for partition in self._records}

    def end_offsets(self) -> dict[int, int]:
        return {partition: len(log) for partition, log in self._records.items()}

    def offsets_at(self, timestamp_ms: int) -> dict[int, int]:
        return {partition: self._offset_at(partition, timestamp_ms) for partition in self._records}

    def read(self, partition: int, start: int, stop: int) -> Iterator[Record]:
        yield from self._records[partition][max(start, self._beginnings[partition]) : stop]

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

    def get(self, key: str) -> bytes:
        return self.objects[key]

    def put(self, key: str, body: bytes, metadata: Mapping[str, str]) -> None:
        self.objects[key], self._metadata[key] = body, dict(metadata)

    def list(self, prefix: str) -> Iterator[StoredObject]:
        for key in sorted(self.objects):
            if key.startswith(prefix):
                yield StoredObject(key, len(self.objects[key]))

    def describe(self, key: str) -> StoredObject | None:
        if key not in self.objects:
            return None
        return StoredObject(key, len(self.objects[key]), self._metadata[key])

    def delete(self, keys: Iterable[str]) -> None:
        for key in list(keys):
            self.objects.pop(key, None)
            self._metadata.pop(key, None)
