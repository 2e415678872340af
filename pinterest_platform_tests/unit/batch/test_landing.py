"""Landing over the in-memory twins, and the properties that only they can try often enough."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pinterest_platform.batch import landing
from pinterest_platform.batch.grown_days import grown_days, marks_of
from pinterest_platform.batch.landing import land_day
from pinterest_platform.batch.landing_ledger import TopicReplacedError
from pinterest_platform.batch.lost_records import RecordsLostError
from pinterest_platform.pins.days import day_of, start_of
from pinterest_platform.stores.kafka import MILLISECONDS_AN_HOUR
from pinterest_platform_tests.fakes import FakeBucket, FakeTopic
from pinterest_platform_tests.landing_suite import MONDAY, LandingSuite, contents, lines

THREE_DAYS = [MONDAY + timedelta(days=number) for number in range(3)]


class TestLanding(LandingSuite):
    @pytest.fixture
    def topic(self) -> FakeTopic:
        return FakeTopic(partitions=2)

    @pytest.fixture
    def bucket(self) -> FakeBucket:
        return FakeBucket()

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        jumps=st.lists(st.integers(min_value=-MILLISECONDS_AN_HOUR // 2, max_value=8 * MILLISECONDS_AN_HOUR)),
        order=st.permutations([*THREE_DAYS, *THREE_DAYS]),
    )
    def test_days_in_any_order_and_repeated_end_as_in_order(self, jumps: list[int], order: list[date]) -> None:
        topic, in_order, shuffled = FakeTopic(), FakeBucket(), FakeBucket()
        at = start_of(MONDAY)
        for jump in jumps:
            at = min(max(at + jump, start_of(MONDAY)), start_of(THREE_DAYS[-1]) + 23 * MILLISECONDS_AN_HOUR)
            topic.post(at, str(at).encode())

        for day in THREE_DAYS:
            land_day(topic, in_order, day)
        for day in order:
            land_day(topic, shuffled, day)

        assert contents(shuffled) == contents(in_order)

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        jumps=st.lists(st.integers(min_value=-MILLISECONDS_AN_HOUR // 2, max_value=8 * MILLISECONDS_AN_HOUR)),
        landings=st.lists(st.sampled_from(THREE_DAYS), max_size=5),
        split=st.integers(min_value=0, max_value=30),
    )
    def test_every_record_lands_once_in_its_own_day_however_the_topic_grew(
        self, jumps: list[int], landings: list[date], split: int
    ) -> None:
        topic, bucket = FakeTopic(), FakeBucket()
        times, at = [], start_of(MONDAY)
        for jump in jumps:
            at = min(max(at + jump, start_of(MONDAY)), start_of(THREE_DAYS[-1]) + 23 * MILLISECONDS_AN_HOUR)
            times.append(at)

        for time in times[:split]:
            topic.post(time, b"pin")
        for day in landings:
            land_day(topic, bucket, day)
        for time in times[split:]:
            topic.post(time, b"pin")
        for day in THREE_DAYS:
            land_day(topic, bucket, day)

        for day in THREE_DAYS:
            expected = [offset for offset, time in enumerate(times) if day_of(time) == day]
            assert [line["offset"] for line in lines(bucket, day)] == expected


class KilledError(Exception):
    """The process that landed is gone."""


class MortalBucket(FakeBucket):
    """A bucket whose writer is killed before a write; what has been written stays."""

    def __init__(self) -> None:
        super().__init__()
        self.writes_left = 0

    def put(self, key: str, body: bytes, metadata: Mapping[str, str]) -> None:
        if not self.writes_left:
            raise KilledError
        self.writes_left -= 1
        super().put(key, body, metadata)


@pytest.fixture
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landing, "CHUNK_OFFSETS", 4)


times = st.integers(min_value=start_of(MONDAY), max_value=start_of(THREE_DAYS[-1]) + 23 * MILLISECONDS_AN_HOUR)
posts = st.lists(times, max_size=12)


@pytest.mark.usefixtures("_small_chunks")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rounds=st.lists(st.tuples(posts, st.sampled_from(THREE_DAYS), st.integers(min_value=0, max_value=6)), max_size=6)
)
def test_landings_killed_before_any_write_and_resumed_end_as_one_that_was_not(
    rounds: list[tuple[list[int], date, int]],
) -> None:
    topic, killed, whole = FakeTopic(), MortalBucket(), FakeBucket()
    for posted, day, killed.writes_left in rounds:
        for at in posted:
            topic.post(at, str(at).encode())
        with suppress(KilledError):
            land_day(topic, killed, day)
    killed.writes_left = 1_000_000

    for day in THREE_DAYS:
        land_day(topic, killed, day)
        land_day(topic, whole, day)

    assert contents(killed) == contents(whole)


@pytest.mark.usefixtures("_small_chunks")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rounds=st.lists(st.tuples(posts, st.sampled_from(THREE_DAYS), st.integers(min_value=0, max_value=6)), max_size=6)
)
def test_a_day_that_grew_since_it_was_cleaned_is_marked_although_landings_are_killed(
    rounds: list[tuple[list[int], date, int]],
) -> None:
    topic, bucket, cleaned = FakeTopic(), MortalBucket(), dict.fromkeys(THREE_DAYS, 0)
    for posted, day, bucket.writes_left in rounds:
        for at in posted:
            topic.post(at, b"pin")
        with suppress(KilledError):
            land_day(topic, bucket, day)
            cleaned[day] = len(lines(bucket, day))
            bucket.delete(marks_of(bucket, day))

    # A day whose own landing was killed after it had written is retried: Dagster shows a run that failed.
    bucket.writes_left = 1_000_000
    for day in {day for _, day, _ in rounds}:
        land_day(topic, bucket, day)
        cleaned[day] = len(lines(bucket, day))
        bucket.delete(marks_of(bucket, day))
    grown = {day for day, count in cleaned.items() if len(lines(bucket, day)) > count}

    assert grown <= set(grown_days(bucket))


class WatchedBucket(FakeBucket):
    """A bucket that calls `before_write` with the number of the write."""

    def __init__(self, before_write: Callable[[int], None]) -> None:
        super().__init__()
        self._before_write, self._writes = before_write, itertools.count()

    def put(self, key: str, body: bytes, metadata: Mapping[str, str]) -> None:
        self._before_write(next(self._writes))
        super().put(key, body, metadata)


@pytest.mark.usefixtures("_small_chunks")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(posted=posts, begins_before=st.integers(min_value=0, max_value=20))
@example(posted=[start_of(MONDAY)], begins_before=3)  # between the first mark and the write
@example(posted=[start_of(MONDAY)] * 5, begins_before=4)  # between a write and the mark that follows it
@example(posted=[start_of(MONDAY)] * 5, begins_before=5)  # between two objects
def test_a_day_that_grew_while_it_was_being_cleaned_stays_marked(posted: list[int], begins_before: int) -> None:
    topic = FakeTopic()
    for at in [start_of(THREE_DAYS[-1]), *posted]:  # all others are late
        topic.post(at, b"pin")
    listed: dict[date, list[str]] = {}
    seen: dict[date, int] = {}

    def begin_cleanings(write: int) -> None:
        if write == begins_before:
            for day in THREE_DAYS[:-1]:
                listed[day], seen[day] = marks_of(bucket, day), len(lines(bucket, day))

    bucket = WatchedBucket(begin_cleanings)
    land_day(topic, bucket, THREE_DAYS[-1])
    for marks in listed.values():
        bucket.delete(marks)

    assert {day for day, count in seen.items() if len(lines(bucket, day)) > count} <= set(grown_days(bucket))


@dataclass
class History:
    """A topic whose records expire, and what was landed of it on the way."""

    topic: FakeTopic = field(default_factory=FakeTopic)
    bucket: FakeBucket = field(default_factory=FakeBucket)
    posted: dict[date, list[int]] = field(default_factory=lambda: defaultdict(list))

    def post(self, at: int) -> None:
        self.posted[day_of(at)].append(self.topic.end_offsets()[0])
        self.topic.post(at, b"pin")

    def land(self, day: date) -> bool:
        try:
            land_day(self.topic, self.bucket, day)
        except RecordsLostError:
            return False
        return True

    def landed(self, day: date) -> list[int]:
        return [line["offset"] for line in lines(self.bucket, day)]

    def lost(self) -> bool:
        """Whether Kafka has deleted a record that never landed."""
        landed = {offset for day in THREE_DAYS for offset in self.landed(day)}
        return not landed >= set(range(self.topic.beginning_offsets()[0]))


steps = st.one_of(
    st.tuples(st.just("post"), posts),
    st.tuples(st.just("land"), st.sampled_from(THREE_DAYS)),
    st.tuples(st.just("expire"), st.integers(min_value=0, max_value=20)),
)


@pytest.mark.usefixtures("_small_chunks")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(history=st.lists(steps, max_size=12))
def test_a_record_is_in_s3_or_some_day_is_refused(history: list[tuple[str, Any]]) -> None:
    ours = History()
    for step, what in history:
        if step == "post":
            for at in what:
                ours.post(at)
        elif step == "land":
            ours.land(what)
        else:
            kept = ours.topic.beginning_offsets()[0]
            ours.topic.delete_before(0, max(kept, min(what, ours.topic.end_offsets()[0])))

    landed = [ours.land(day) for day in THREE_DAYS]

    if ours.lost():
        assert not all(landed)
    else:
        assert all(landed)
        assert {day: ours.landed(day) for day in THREE_DAYS} == {day: ours.posted[day] for day in THREE_DAYS}


def test_a_topic_that_was_made_anew_is_refused_and_changes_nothing() -> None:
    bucket = FakeBucket()
    land_day(FakeTopic(), bucket, MONDAY)
    before = dict(bucket.objects)

    with pytest.raises(TopicReplacedError, match=r"topic pins with the id the first, but pins now .* made anew"):
        land_day(FakeTopic(identity="another"), bucket, MONDAY)

    assert bucket.objects == before


def test_a_topic_that_was_cut_is_refused() -> None:
    topic, bucket = FakeTopic(), FakeBucket()
    topic.post(start_of(MONDAY), b"pin")
    topic.post(start_of(MONDAY), b"pin")
    land_day(topic, bucket, MONDAY)
    topic.cut(0, 1)

    with pytest.raises(RecordsLostError, match="Partition 0 of pins ends at offset 1, but S3 has its records up to 1"):
        land_day(topic, bucket, MONDAY)
