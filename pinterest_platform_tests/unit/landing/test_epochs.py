"""A recreated topic is landed as a new epoch: its offsets start again, and no record takes another's place."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinterest_platform.landing.change_detection import detect
from pinterest_platform.landing.landing import land_day
from pinterest_platform.landing.ledger import read_ledger
from pinterest_platform.landing.topic_identity import (
    KnownTopic,
    TopicReplacedError,
    bind_bucket,
    keep_to_topic,
    known_topics,
)
from pinterest_platform.pins.calendar import start_of
from pinterest_platform.stores.epochs import epoch_of, first_number, in_epoch, of_same_epoch
from pinterest_platform_tests.support.fakes import FakeBucket, FakeTopic
from pinterest_platform_tests.support.landing_suite import MONDAY, lines
from pinterest_platform_tests.unit.landing.test_landing import NOW, TIMES

POST, RECREATE = "post", "recreate"


def recreated(bucket: FakeBucket, epoch: int) -> FakeTopic:
    topic = FakeTopic(identity=f"id {epoch}")
    bind_bucket(bucket, KnownTopic(topic.topic, topic.identity(), epoch))
    return topic


def test_partition_numbers_carry_the_epoch() -> None:
    topic = FakeTopic(partitions=2)
    topic.post(start_of(MONDAY), b"pin", partition=1)
    later = in_epoch(topic, 2)

    assert later.partitions() == [200_000, 200_001]
    assert later.end_offsets() == {200_000: 0, 200_001: 1}
    assert [(record.partition, record.offset) for record in later.read(200_001, 0, 1)] == [(200_001, 0)]
    assert (epoch_of(200_001), first_number([200_001, 200_000])) == (2, 200_000)
    assert of_same_epoch({1: 5, 200_001: 7}, later.partitions()) == {200_001: 7}
    assert in_epoch(topic, 0) is topic


@given(st.lists(st.sampled_from([POST, RECREATE]), max_size=12))
def test_every_record_of_every_epoch_stays(history: list[str]) -> None:
    bucket, epoch = FakeBucket(), 0
    topic, expected = recreated(bucket, 0), []
    for number, event in enumerate(history):
        if event == RECREATE:
            epoch += 1
            topic = recreated(bucket, epoch)
            continue
        topic.post(start_of(MONDAY), str(number).encode())
        expected.append((epoch * 100_000, topic.end_offsets()[0] - 1, str(number)))
        land_day(topic, bucket, MONDAY, TIMES)

    found = [(line["partition"], line["offset"], line["value"]) for line in lines(bucket, MONDAY)]
    assert sorted(found) == sorted(expected)
    assert {known.epoch for known in known_topics(bucket)} == set(range(epoch + 1))


def test_records_of_a_new_epoch_are_unread_until_they_are_landed() -> None:
    bucket, first = FakeBucket(), FakeTopic(identity="id 0")
    first.post(start_of(MONDAY), b"pin")
    land_day(first, bucket, MONDAY, TIMES)
    topic = recreated(bucket, 1)
    topic.post(start_of(MONDAY), b"pin")

    now = datetime.fromtimestamp(NOW / 1_000, UTC)
    before = detect(topic, bucket, None, frozenset(), now, timedelta(0))
    land_day(topic, bucket, MONDAY, TIMES)
    after = detect(topic, bucket, before.cursor, frozenset(), now, timedelta(0))

    assert (before.new_records, after.new_records) == (1, 0)
    assert before.end_offsets == {100_000: 1}
    assert read_ledger(bucket).ends() == {0: 1, 100_000: 1}


def test_a_bucket_of_an_earlier_version_is_of_epoch_0() -> None:
    bucket = FakeBucket()
    bucket.put("landings/topic.json", orjson.dumps({"topic": "pins", "id": "the first"}), {})

    assert keep_to_topic(bucket, FakeTopic()).partitions() == [0]
    assert known_topics(bucket) == [KnownTopic("pins", "the first", 0)]
    with pytest.raises(TopicReplacedError, match="make accept-topic"):
        keep_to_topic(bucket, FakeTopic(identity="another"))


def test_a_restored_topic_continues_its_own_epoch() -> None:
    bucket, first = FakeBucket(), FakeTopic(identity="id 0")
    land_day(first, bucket, MONDAY, TIMES)
    recreated(bucket, 1)

    bind_bucket(bucket, KnownTopic("pins", "id 0", 0))

    assert keep_to_topic(bucket, first).partitions() == [0]
    assert [known.epoch for known in known_topics(bucket)] == [1, 0]
