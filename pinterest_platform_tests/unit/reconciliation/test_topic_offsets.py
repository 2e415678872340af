"""A day's offsets in the topic compared with S3: no record's timestamp hides another record."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from pinterest_platform.landing import pieces
from pinterest_platform.landing.landing import land_day
from pinterest_platform.landing.raw_objects import landed_objects
from pinterest_platform.pins.calendar import MILLISECONDS_AN_HOUR, MISDATED_DAY, PlausibleTimes, start_of
from pinterest_platform.reconciliation import topic_offsets
from pinterest_platform.reconciliation.day_offsets import raw as read_raw
from pinterest_platform.reconciliation.offset_sets import OffsetSet
from pinterest_platform_tests.support.fakes import FakeBucket, FakeTopic

MONDAY, TUESDAY, WEDNESDAY = (date(2026, 11, 16) + timedelta(days=number) for number in range(3))
AHEAD = start_of(date(2040, 1, 1))
TIMES = PlausibleTimes.until(start_of(WEDNESDAY), date(2025, 1, 1))


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (pieces, topic_offsets):
        monkeypatch.setattr(module, "CHUNK_OFFSETS", 4)


def post(topic: FakeTopic, *times: int) -> None:
    for at in times:
        topic.post(at, b"pin")


def in_s3(bucket: FakeBucket, day: date) -> OffsetSet:
    return read_raw(bucket, day, OffsetSet({}))[0]


def in_kafka(topic: FakeTopic, bucket: FakeBucket, day: date, *, compacted: bool = False) -> list[int]:
    found = topic_offsets.kafka(topic, bucket, day, in_s3(bucket, day), TIMES, lambda: compacted)
    return [int(offset) for offsets in found.by_partition.values() for offset in offsets]


def test_a_record_ahead_hides_no_record_behind_it(topic: FakeTopic, bucket: FakeBucket) -> None:
    post(topic, start_of(MONDAY), AHEAD, *[start_of(MONDAY) + 1] * 6)

    land_day(topic, bucket, MONDAY, TIMES)

    assert in_kafka(topic, bucket, MONDAY) == [0, *range(2, 8)]
    assert in_kafka(topic, bucket, MISDATED_DAY) == [1]


def test_a_raw_object_that_was_deleted_is_missed(topic: FakeTopic, bucket: FakeBucket) -> None:
    post(topic, *[start_of(MONDAY)] * 6)
    land_day(topic, bucket, MONDAY, TIMES)
    first = next(landed_objects(bucket, MONDAY))
    bucket.delete([first.key])

    assert in_kafka(topic, bucket, MONDAY) == list(range(6))
    assert len(in_s3(bucket, MONDAY)) == 2


def test_a_late_record_that_landings_have_passed_over_is_missed(topic: FakeTopic, bucket: FakeBucket) -> None:
    late = start_of(MONDAY)
    post(topic, start_of(TUESDAY) + 12 * MILLISECONDS_AN_HOUR, late, start_of(WEDNESDAY))
    bucket.put("landings/dt=2026-11-17.json", b'{"0":{"ranges":[[0,1],[2,3]],"closed":true}}', {})

    assert (in_kafka(topic, bucket, MONDAY), len(in_s3(bucket, MONDAY))) == ([1], 0)


def test_late_records_that_came_since_the_last_landing_are_left_for_the_next_one(
    topic: FakeTopic, bucket: FakeBucket
) -> None:
    post(topic, start_of(MONDAY), start_of(TUESDAY) + 2 * MILLISECONDS_AN_HOUR)
    land_day(topic, bucket, MONDAY, TIMES)
    post(topic, start_of(MONDAY))

    assert in_kafka(topic, bucket, MONDAY) == [0]


def test_what_kafka_has_deleted_is_taken_from_s3(topic: FakeTopic, bucket: FakeBucket) -> None:
    post(topic, *[start_of(MONDAY)] * 6)
    land_day(topic, bucket, MONDAY, TIMES)
    topic.delete_before(0, 5)

    assert in_kafka(topic, bucket, MONDAY) == list(range(6))


def test_what_has_landed_as_misdated_is_not_missed_when_the_clock_has_caught_up(
    topic: FakeTopic, bucket: FakeBucket
) -> None:
    post(topic, start_of(MONDAY), start_of(TUESDAY))
    land_day(topic, bucket, MONDAY, PlausibleTimes.until(start_of(MONDAY), MONDAY))

    assert (in_kafka(topic, bucket, TUESDAY), in_kafka(topic, bucket, MISDATED_DAY)) == ([], [1])


def test_what_has_landed_under_its_day_is_not_misdated_when_the_first_day_has_moved(
    topic: FakeTopic, bucket: FakeBucket
) -> None:
    post(topic, -1, start_of(date(2024, 12, 31)))
    land_day(topic, bucket, MONDAY, PlausibleTimes.until(start_of(WEDNESDAY), date(2024, 1, 1)))

    assert in_kafka(topic, bucket, MISDATED_DAY) == [0]
    assert in_kafka(topic, bucket, date(2024, 12, 31)) == [1]


def test_what_a_compacted_topic_has_dropped_is_taken_from_s3(topic: FakeTopic, bucket: FakeBucket) -> None:
    post(topic, *[start_of(MONDAY)] * 6)
    land_day(topic, bucket, MONDAY, TIMES)
    topic.compact(0, 2)

    assert in_kafka(topic, bucket, MONDAY, compacted=True) == list(range(6))
    assert in_kafka(topic, bucket, MONDAY) == [0, 1, 3, 4, 5]
