"""The tests of landing, for any topic and bucket: they run over the in-memory twins and over real Kafka and S3."""

from __future__ import annotations

import gzip
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from typing import Any, Protocol

import pytest

from pinterest_platform.landing import pieces
from pinterest_platform.landing.landing import land_day
from pinterest_platform.landing.ledger import Ledger, extend_ledger, read_ledger
from pinterest_platform.landing.losses import Loss, losses
from pinterest_platform.landing.raw_objects import add_lines, day_prefix
from pinterest_platform.landing.rerun_requests import days_to_rerun
from pinterest_platform.pins.calendar import MILLISECONDS_AN_HOUR, MISDATED_DAY, PlausibleTimes, start_of
from pinterest_platform.stores import s3
from pinterest_platform.stores.kafka import RecordsDeletedError, Topic
from pinterest_platform.stores.s3 import ObjectStore

MONDAY, TUESDAY, WEDNESDAY = date(2026, 11, 16), date(2026, 11, 17), date(2026, 11, 18)
NOON = 12 * MILLISECONDS_AN_HOUR
CHUNK = 10
TIMES = PlausibleTimes.until(start_of(WEDNESDAY) + NOON, date(2025, 1, 1))


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
        monkeypatch.setattr(pieces, "CHUNK_OFFSETS", CHUNK)

    def test_a_day_has_its_records_and_no_others(self, topic: WritableTopic, bucket: ObjectStore) -> None:
        for day in (MONDAY, TUESDAY, WEDNESDAY):
            topic.post(start_of(day), f"first of {day}".encode())
            topic.post(start_of(day) + NOON, f"noon of {day}".encode(), partition=1)

        landed = land_day(topic, bucket, TUESDAY, TIMES)

        assert sorted(values(bucket, TUESDAY)) == [f"first of {TUESDAY}", f"noon of {TUESDAY}"]
        assert landed.records == 2

    def test_a_record_lands_unchanged(self, topic: WritableTopic, bucket: ObjectStore) -> None:
        at = start_of(MONDAY) + NOON
        topic.post(at, "Ώρα ☕\u2028\0".encode(), key="ключ".encode())

        land_day(topic, bucket, MONDAY, TIMES)

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

        land_day(topic, bucket, MONDAY, TIMES)

        found = [line.get("value", line.get("value_base64")) for line in lines(bucket, MONDAY)]
        assert found == ["/wA=", None, "", "x" * 1_000_000]

    def test_an_object_holds_one_chunk_of_the_grid(self, topic: WritableTopic, bucket: ObjectStore) -> None:
        for _ in range(CHUNK + 5):
            topic.post(start_of(MONDAY), b"pin")

        land_day(topic, bucket, MONDAY, TIMES)

        prefix = f"{day_prefix(MONDAY)}{topic.topic}+0+"
        assert list(contents(bucket)) == [f"{prefix}{0:020d}.json.gz", f"{prefix}{CHUNK:020d}.json.gz"]

    def test_landing_again_changes_no_byte(self, topic: WritableTopic, bucket: ObjectStore) -> None:
        for _ in range(CHUNK + 5):
            topic.post(start_of(MONDAY), b"pin")
        land_day(topic, bucket, MONDAY, TIMES)
        before = contents(bucket)

        land_day(topic, bucket, MONDAY, TIMES)

        assert contents(bucket) == before

    def test_a_day_that_grows_rewrites_only_its_last_object(self, topic: WritableTopic, bucket: ObjectStore) -> None:
        for _ in range(2 * CHUNK + 5):
            topic.post(start_of(MONDAY), b"pin")
        land_day(topic, bucket, MONDAY, TIMES)
        topic.post(start_of(MONDAY), b"one more")

        landed = land_day(topic, bucket, MONDAY, TIMES)

        assert (landed.written, landed.records) == (1, 2 * CHUNK + 6)

    def test_a_late_record_lands_in_its_own_day(self, topic: WritableTopic, bucket: ObjectStore) -> None:
        topic.post(start_of(TUESDAY) + NOON, b"tuesday")
        topic.post(start_of(MONDAY) + NOON, b"late")

        land_day(topic, bucket, TUESDAY, TIMES)

        assert (values(bucket, MONDAY), values(bucket, TUESDAY)) == (["late"], ["tuesday"])

    def test_an_empty_day_is_an_empty_slice(self, topic: WritableTopic, bucket: ObjectStore) -> None:
        landed = land_day(topic, bucket, MONDAY, TIMES)

        assert (landed.records, landed.objects) == (0, ())

    def test_a_day_that_has_not_changed_costs_no_reading(self, topic: WritableTopic, bucket: ObjectStore) -> None:
        for _ in range(CHUNK + 5):
            topic.post(start_of(MONDAY), b"pin")
        first = land_day(topic, bucket, MONDAY, TIMES)

        again = land_day(topic, bucket, MONDAY, TIMES)

        assert (first.read, first.written, again.read, again.written) == (CHUNK + 5, 2, 0, 0)

    def test_only_new_records_are_read(self, topic: WritableTopic, bucket: ObjectStore) -> None:
        for _ in range(CHUNK + 5):
            topic.post(start_of(MONDAY), b"pin")
        land_day(topic, bucket, MONDAY, TIMES)
        topic.post(start_of(MONDAY), b"one more")

        landed = land_day(topic, bucket, MONDAY, TIMES)

        assert (landed.read, landed.grown, landed.records) == (1, {MONDAY: 1}, CHUNK + 6)

    def test_days_from_the_newest_on_are_each_read_and_written_once(
        self, topic: WritableTopic, bucket: ObjectStore
    ) -> None:
        for at in (start_of(MONDAY) + NOON, start_of(TUESDAY) + MILLISECONDS_AN_HOUR // 2, start_of(TUESDAY) + NOON):
            topic.post(at, b"pin")

        landings = [land_day(topic, bucket, day, TIMES) for day in (TUESDAY, MONDAY)]

        assert [(landed.day, landed.read, landed.records) for landed in landings] == [(TUESDAY, 3, 2), (MONDAY, 0, 1)]
        assert days_to_rerun(bucket) == [MONDAY, TUESDAY]

    def test_days_that_were_late_are_told(self, topic: WritableTopic, bucket: ObjectStore) -> None:
        topic.post(start_of(TUESDAY) + NOON, b"tuesday")
        topic.post(start_of(MONDAY) + NOON, b"late")

        first, again = land_day(topic, bucket, TUESDAY, TIMES), land_day(topic, bucket, TUESDAY, TIMES)

        assert (first.late, again.late) == ({MONDAY: 1}, {})
        assert days_to_rerun(bucket) == [MONDAY, TUESDAY]

    def test_records_that_expired_after_they_landed_are_kept(self, topic: WritableTopic, bucket: ObjectStore) -> None:
        for number in range(4):
            topic.post(start_of(MONDAY) + number, b"pin")
        land_day(topic, bucket, MONDAY, TIMES)
        topic.post(start_of(MONDAY) + 4, b"one more")
        topic.delete_before(0, 4)

        land_day(topic, bucket, MONDAY, TIMES)

        assert values(bucket, MONDAY) == ["pin"] * 4 + ["one more"]

    def test_records_that_expired_before_they_landed_are_told_once_and_all_others_land(
        self, topic: WritableTopic, bucket: ObjectStore
    ) -> None:
        for number in range(4):
            topic.post(start_of(MONDAY) + number, b"kept")
        land_day(topic, bucket, MONDAY, TIMES)
        for at in (start_of(MONDAY), start_of(TUESDAY), start_of(TUESDAY)):
            topic.post(at, b"expires")
        topic.post(start_of(WEDNESDAY), b"behind")
        topic.delete_before(0, 7)

        first, again = land_day(topic, bucket, WEDNESDAY, TIMES), land_day(topic, bucket, WEDNESDAY, TIMES)

        loss = Loss(topic.topic, 0, 4, 7, MONDAY, WEDNESDAY, before_first_landing=False)
        assert (list(first.losses), list(again.losses), losses(bucket)) == ([loss], [], [loss])
        assert (values(bucket, MONDAY), values(bucket, WEDNESDAY)) == (["kept"] * 4, ["behind"])
        assert days_to_rerun(bucket) == [MONDAY, TUESDAY, WEDNESDAY]

    def test_a_partition_that_was_emptied_before_the_first_landing_refuses_no_day(
        self, topic: WritableTopic, bucket: ObjectStore
    ) -> None:
        for _ in range(5):
            topic.post(start_of(MONDAY), b"of before", partition=1)
        topic.delete_before(1, 5)
        topic.post(start_of(TUESDAY), b"pin")

        landed = land_day(topic, bucket, TUESDAY, TIMES)

        assert (landed.records, values(bucket, TUESDAY)) == (1, ["pin"])
        assert losses(bucket) == [Loss(topic.topic, 1, 0, 5, None, None, before_first_landing=True)]

    def test_a_later_day_lands_although_an_earlier_one_expired(self, topic: WritableTopic, bucket: ObjectStore) -> None:
        for day in (MONDAY, MONDAY, TUESDAY):
            topic.post(start_of(day), str(day).encode())
        land_day(topic, bucket, MONDAY, TIMES)
        topic.delete_before(0, 1)

        land_day(topic, bucket, TUESDAY, TIMES)

        assert values(bucket, MONDAY) == [str(MONDAY)] * 2
        assert values(bucket, TUESDAY) == [str(TUESDAY)]

    def test_offsets_that_expire_while_they_are_read_are_no_gap(self, topic: WritableTopic) -> None:
        for number in range(4):
            topic.post(start_of(MONDAY) + number, b"pin")
        topic.delete_before(0, 2)

        with pytest.raises(RecordsDeletedError):
            list(topic.read(0, 0, 4))

    def test_writers_of_one_object_keep_the_lines_of_all(self, bucket: ObjectStore) -> None:
        own_lines = [{number: b'{"offset":%d}\n' % number, 0: b'{"offset":0}\n'} for number in range(1, 9)]

        with ThreadPoolExecutor(8) as writers:
            gained = list(writers.map(lambda lines: add_lines(bucket, "events/one", 0, lines), own_lines))

        stored = gzip.decompress(bucket.get("events/one")).splitlines()
        assert [json.loads(line)["offset"] for line in stored] == list(range(9))
        assert sum(gained) == 9

    def test_writers_of_the_ledger_keep_what_all_say(self, bucket: ObjectStore) -> None:
        def say(partition: int) -> None:
            extend_ledger(bucket, Ledger({partition: [(0, 5)]}, {partition: {5: MONDAY}}))

        with ThreadPoolExecutor(8) as writers:
            list(writers.map(say, range(8)))

        assert read_ledger(bucket) == Ledger({n: [(0, 5)] for n in range(8)}, {n: {5: MONDAY} for n in range(8)})

    def test_the_entries_of_days_that_were_landed_before_there_was_a_ledger_are_its_beginning(
        self, topic: WritableTopic, bucket: ObjectStore
    ) -> None:
        for number in range(6):
            topic.post(start_of(MONDAY) + number, b"%d" % number)
        bucket.put("landings/dt=2026-11-16.json", b'{"0":{"ranges":[[0,2]],"closed":true}}', {})
        bucket.put("landings/dt=2026-11-17.json", b'{"0":{"ranges":[[1,3],[5,6]],"closed":false}}', {})

        landed = land_day(topic, bucket, MONDAY, TIMES)

        assert (landed.read, values(bucket, MONDAY)) == (2, ["3", "4"])
        ranges = {number: [(0, 6)] if number == 0 else [] for number in topic.partitions()}
        assert read_ledger(bucket) == Ledger(ranges, {0: {0: MONDAY, 6: TUESDAY}})

    def test_what_had_expired_before_the_first_landing_of_an_older_bucket_meets_no_day_but_the_first(
        self, topic: WritableTopic, bucket: ObjectStore
    ) -> None:
        for at in (start_of(MONDAY), start_of(MONDAY), start_of(TUESDAY), start_of(TUESDAY), start_of(WEDNESDAY)):
            topic.post(at, b"pin")
            topic.post(at, b"pin", partition=1)
        bucket.put("landings/dt=2026-11-17.json", b'{"0":{"ranges":[[2,3]],"closed":true}}', {})
        bucket.put("landings/dt=2026-11-18.json", b'{"0":{"ranges":[[4,5]],"closed":false}}', {})
        topic.delete_before(0, 4)
        topic.delete_before(1, 5)

        land_day(topic, bucket, WEDNESDAY, TIMES)

        assert losses(bucket) == [
            Loss(topic.topic, 0, 0, 2, None, TUESDAY, before_first_landing=True),
            Loss(topic.topic, 0, 3, 4, TUESDAY, WEDNESDAY, before_first_landing=False),
            Loss(topic.topic, 1, 0, 5, None, None, before_first_landing=True),
        ]

    def test_no_time_of_a_record_hides_another(self, topic: WritableTopic, bucket: ObjectStore) -> None:
        ahead = int(datetime(2040, 1, 1, tzinfo=UTC).timestamp() * 1000)
        for at in (start_of(MONDAY), ahead, start_of(MONDAY) + NOON, start_of(TUESDAY), start_of(MONDAY)):
            topic.post(at, str(at).encode())

        land_day(topic, bucket, WEDNESDAY, TIMES)

        assert [line["offset"] for line in lines(bucket, MONDAY)] == [0, 2, 4]
        assert [line["offset"] for line in lines(bucket, TUESDAY)] == [3]
        assert [(line["offset"], line["timestamp"]) for line in lines(bucket, MISDATED_DAY)] == [(1, ahead)]
        assert days_to_rerun(bucket) == [MISDATED_DAY, MONDAY, TUESDAY]

    def test_seconds_and_microseconds_in_place_of_milliseconds_land_as_misdated(
        self, topic: WritableTopic, bucket: ObjectStore
    ) -> None:
        for at in (start_of(MONDAY) // 1000, start_of(MONDAY) * 1000, start_of(MONDAY)):
            topic.post(at, b"pin")

        landed = land_day(topic, bucket, MONDAY, TIMES)

        assert [line["offset"] for line in lines(bucket, MISDATED_DAY)] == [0, 1]
        assert (landed.records, landed.late) == (1, {})

    def test_records_of_many_bytes_land_in_objects_that_stay_small(
        self, topic: WritableTopic, bucket: ObjectStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(pieces, "CHUNK_OFFSETS", 100)
        monkeypatch.setattr(pieces, "BYTES_A_PIECE", 50_000)
        sizes = dict(enumerate([100, 5_000, 70_000] * 6))
        for size in sizes.values():
            topic.post(start_of(MONDAY), b"x" * size)

        land_day(topic, bucket, MONDAY, TIMES)

        found = {line["offset"]: len(line["value"]) for line in lines(bucket, MONDAY)}
        names = [key.partition("+0+")[2] for key in contents(bucket)]
        assert found == sizes
        assert names == sorted(
            [f"{0:020d}.json.gz", f"{0:020d}.10.json.gz", f"{10:020d}.10.json.gz"]
            + [f"{number:020d}.1.json.gz" for number in range(2, 18, 3)]
        )

    def test_a_claim_that_its_writer_left_behind_is_passed_over(
        self, bucket: ObjectStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(s3, "LEASE_SECONDS", 0.2)
        add_lines(bucket, "events/one", 0, {0: b'{"offset":0}\n'})
        stored = bucket.describe("events/one")
        assert stored is not None
        bucket.create(f"claims/{stored.key}@{stored.version.strip(chr(34))}", b"", {})

        assert add_lines(bucket, "events/one", 0, {1: b'{"offset":1}\n'}) == 1
