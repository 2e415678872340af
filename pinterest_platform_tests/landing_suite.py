"""What landing must do, over whatever topic and bucket: run over the in-memory twins and over real Kafka and S3."""

from __future__ import annotations

import gzip
import json
from datetime import date
from typing import Any, Protocol

import pytest

from pinterest_platform.batch import landing
from pinterest_platform.batch.landing import RecordsLostError, day_prefix, land_day
from pinterest_platform.pins.days import start_of
from pinterest_platform.stores.kafka import MILLISECONDS_AN_HOUR, Topic
from pinterest_platform.stores.s3 import ObjectStore

MONDAY, TUESDAY, WEDNESDAY = date(2026, 11, 16), date(2026, 11, 17), date(2026, 11, 18)
NOON = 12 * MILLISECONDS_AN_HOUR
CHUNK = 10


class WritableTopic(Topic, Protocol):
    """A topic that a test can fill, and from which it can let records expire."""

    def post(self, timestamp: int, value: bytes | None, key: bytes | None = b"k", partition: int = 0) -> None: ...
    def delete_before(self, partition: int, offset: int) -> None: ...


def contents(bucket: ObjectStore) -> dict[str, bytes]:
    return {stored.key: bucket.get(stored.key) for stored in bucket.list("events/")}


def lines(bucket: ObjectStore, day: date) -> list[dict[str, Any]]:
    bodies = [gzip.decompress(bucket.get(stored.key)) for stored in bucket.list(day_prefix(day))]
    return [json.loads(line) for body in bodies for line in body.splitlines()]


def values(bucket: ObjectStore, day: date) -> list[str]:
    return [line["value"] for line in lines(bucket, day)]


class LandingSuite:
    """Subclasses give the fixtures `topic` (two partitions, empty) and `bucket` (empty)."""

    @pytest.fixture(autouse=True)
    def _small_chunks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(landing, "CHUNK_OFFSETS", CHUNK)

    def test_a_day_has_its_records_and_no_others(self, topic: WritableTopic, bucket: ObjectStore) -> None:
        for day in (MONDAY, TUESDAY, WEDNESDAY):
            topic.post(start_of(day), f"first of {day}".encode())
            topic.post(start_of(day) + NOON, f"noon of {day}".encode(), partition=1)

        landed = land_day(topic, bucket, TUESDAY)

        assert sorted(values(bucket, TUESDAY)) == [f"first of {TUESDAY}", f"noon of {TUESDAY}"]
        assert landed.records == 2

    def test_a_record_lands_unchanged(self, topic: WritableTopic, bucket: ObjectStore) -> None:
        at = start_of(MONDAY) + NOON
        topic.post(at, "Ώρα ☕\u2028\0".encode(), key="ключ".encode())

        land_day(topic, bucket, MONDAY)

        assert lines(bucket, MONDAY) == [
            {
                "topic": topic.topic,
                "partition": 0,
                "offset": 0,
                "timestamp": at,
                "key": "ключ",
                "value": "Ώρα ☕\u2028\0",
            }
        ]

    def test_bytes_that_are_no_text_land_as_base64(self, topic: WritableTopic, bucket: ObjectStore) -> None:
        for value in (b"\xff\x00", None, b"", b"x" * 1_000_000):
            topic.post(start_of(MONDAY), value)

        land_day(topic, bucket, MONDAY)

        found = [line.get("value", line.get("value_base64")) for line in lines(bucket, MONDAY)]
        assert found == ["/wA=", None, "", "x" * 1_000_000]

    def test_an_object_holds_one_chunk_of_the_grid(self, topic: WritableTopic, bucket: ObjectStore) -> None:
        for _ in range(CHUNK + 5):
            topic.post(start_of(MONDAY), b"pin")

        land_day(topic, bucket, MONDAY)

        prefix = f"{day_prefix(MONDAY)}{topic.topic}+0+"
        assert list(contents(bucket)) == [f"{prefix}{0:020d}.json.gz", f"{prefix}{CHUNK:020d}.json.gz"]

    def test_landing_again_changes_no_byte(self, topic: WritableTopic, bucket: ObjectStore) -> None:
        for _ in range(CHUNK + 5):
            topic.post(start_of(MONDAY), b"pin")
        land_day(topic, bucket, MONDAY)
        before = contents(bucket)

        land_day(topic, bucket, MONDAY)

        assert contents(bucket) == before

    def test_a_day_that_grows_rewrites_only_its_last_object(self, topic: WritableTopic, bucket: ObjectStore) -> None:
        for _ in range(2 * CHUNK + 5):
            topic.post(start_of(MONDAY), b"pin")
        land_day(topic, bucket, MONDAY)
        topic.post(start_of(MONDAY), b"one more")

        landed = land_day(topic, bucket, MONDAY)

        assert (landed.written, landed.records) == (1, 2 * CHUNK + 6)

    def test_a_late_record_lands_in_its_own_day(self, topic: WritableTopic, bucket: ObjectStore) -> None:
        topic.post(start_of(TUESDAY) + NOON, b"tuesday")
        topic.post(start_of(MONDAY) + NOON, b"late")

        land_day(topic, bucket, TUESDAY)

        assert (values(bucket, MONDAY), values(bucket, TUESDAY)) == (["late"], ["tuesday"])

    def test_an_empty_day_is_an_empty_slice(self, topic: WritableTopic, bucket: ObjectStore) -> None:
        landed = land_day(topic, bucket, MONDAY)

        assert (landed.records, landed.objects) == (0, ())

    def test_a_day_of_which_records_expired_is_refused_and_kept(
        self, topic: WritableTopic, bucket: ObjectStore
    ) -> None:
        for number in range(4):
            topic.post(start_of(MONDAY) + number, b"pin")
        land_day(topic, bucket, MONDAY)
        before = contents(bucket)
        topic.post(start_of(MONDAY) + 4, b"pin")
        topic.delete_before(0, 2)

        with pytest.raises(RecordsLostError, match=f"below 2 of {topic.topic}, partition 0.*{MONDAY}"):
            land_day(topic, bucket, MONDAY)

        assert contents(bucket) == before

    def test_a_later_day_lands_although_an_earlier_one_expired(self, topic: WritableTopic, bucket: ObjectStore) -> None:
        for day in (MONDAY, MONDAY, TUESDAY):
            topic.post(start_of(day), str(day).encode())
        land_day(topic, bucket, MONDAY)
        topic.delete_before(0, 1)

        land_day(topic, bucket, TUESDAY)

        assert values(bucket, MONDAY) == [str(MONDAY)] * 2
        assert values(bucket, TUESDAY) == [str(TUESDAY)]
