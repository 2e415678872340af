"""Landing over the in-memory twins, with properties that need many examples."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pinterest_platform.landing import landing, pieces
from pinterest_platform.landing.landing import land_day
from pinterest_platform.landing.ledger import forget_offsets, read_ledger
from pinterest_platform.landing.losses import Loss, TopicCutError, losses
from pinterest_platform.landing.rerun_requests import days_to_rerun, rerun_requests_of
from pinterest_platform.landing.topic_identity import TopicReplacedError
from pinterest_platform.pins.calendar import MILLISECONDS_AN_HOUR, MISDATED_DAY, PlausibleTimes, day_of, start_of
from pinterest_platform.stores.kafka import RecordsDeletedError, TopicUnavailableError
from pinterest_platform.stores.kafka_batches import Record
from pinterest_platform_tests.support.fakes import FakeBucket, FakeTopic
from pinterest_platform_tests.support.landing_suite import MONDAY, LandingSuite, contents, lines

THREE_DAYS = [MONDAY + timedelta(days=number) for number in range(3)]
NOW = start_of(THREE_DAYS[-1]) + 23 * MILLISECONDS_AN_HOUR
TIMES = PlausibleTimes.until(NOW, THREE_DAYS[0])


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
            land_day(topic, in_order, day, TIMES)
        for day in order:
            land_day(topic, shuffled, day, TIMES)

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
            land_day(topic, bucket, day, TIMES)
        for time in times[split:]:
            topic.post(time, b"pin")
        for day in THREE_DAYS:
            land_day(topic, bucket, day, TIMES)

        for day in THREE_DAYS:
            expected = [offset for offset, time in enumerate(times) if day_of(time) == day]
            assert [line["offset"] for line in lines(bucket, day)] == expected


class KilledError(Exception):
    """The process that landed is gone."""


class MortalBucket(FakeBucket):
    """A bucket whose writer is killed before a write; what has been written stays."""

    def __init__(self) -> None:
        super().__init__()
        self.writes_left = 1_000_000

    def put(self, key: str, body: bytes, metadata: Mapping[str, str]) -> None:
        if not self.writes_left:
            raise KilledError
        self.writes_left -= 1
        super().put(key, body, metadata)


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "CHUNK_OFFSETS", 4)
    monkeypatch.setattr(landing, "RECORDS_AT_A_TIME", 3)


plausible = st.integers(min_value=start_of(MONDAY), max_value=NOW)
posts = st.lists(plausible, max_size=12)
any_posts = st.lists(plausible | st.integers(min_value=-(2**63), max_value=2**63 - 1), max_size=12)
any_number = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)


@dataclass
class History:
    """A topic whose records expire, what is landed of it, and days that are cleaned, each of which may be killed."""

    topic: FakeTopic = field(default_factory=FakeTopic)
    bucket: MortalBucket = field(default_factory=MortalBucket)
    posted: dict[int, int] = field(default_factory=dict)
    expired: set[int] = field(default_factory=set)
    cleaned: dict[date, list[int]] = field(default_factory=lambda: defaultdict(list))

    def post(self, times: list[int]) -> None:
        for at in times:
            self.posted[self.topic.end_offsets()[0]] = at
            self.topic.post(at, b"pin")

    def expire(self, before: int) -> None:
        kept = max(self.topic.beginning_offsets()[0], min(before, self.topic.end_offsets()[0]))
        self.topic.delete_before(0, kept)
        self.expired = set(range(kept))

    def land(self, writes: int) -> None:
        self.bucket.writes_left = writes
        with suppress(KilledError):
            land_day(self.topic, self.bucket, MONDAY, TIMES)
        self.bucket.writes_left = 1_000_000

    def clean(self, day: date) -> None:
        """Clean the day and bring it to its end."""
        rerun_requests = rerun_requests_of(self.bucket, day)
        self.cleaned[day] = self.landed(day)
        self.bucket.delete(rerun_requests)

    def landed(self, day: date) -> list[int]:
        return [line["offset"] for line in lines(self.bucket, day)]


steps = st.one_of(
    st.tuples(st.just("post"), any_posts),
    st.tuples(st.just("land"), st.integers(min_value=0, max_value=12)),
    st.tuples(st.just("clean"), st.sampled_from([MISDATED_DAY, *THREE_DAYS])),
    st.tuples(st.just("expire"), st.integers(min_value=0, max_value=30)),
)


@any_number
@given(history=st.lists(steps, max_size=12))
@example(history=[("post", [start_of(MONDAY)]), ("land", 2), ("clean", MONDAY)])  # killed before its mark
@example(history=[("post", [start_of(MONDAY)]), ("land", 2), ("expire", 1)])
@example(history=[("post", [start_of(MONDAY)] * 5), ("land", 3), ("expire", 5)])
def test_whatever_comes_expires_and_is_killed_every_record_is_in_its_slice_or_told_as_lost(
    history: list[tuple[str, Any]],
) -> None:
    ours = History()
    for step, what in history:
        getattr(ours, step)(what)
    ours.land(1_000_000)

    days = [MISDATED_DAY, *THREE_DAYS]
    landed = {offset: day for day in days for offset in ours.landed(day)}
    lost = {offset for loss in losses(ours.bucket) for offset in range(loss.first, loss.following)}
    assert sum(len(ours.landed(day)) for day in days) == len(landed)
    assert landed == {offset: TIMES.slice_of(ours.posted[offset]) for offset in landed}
    assert set(ours.posted) - lost <= set(landed)
    assert lost <= ours.expired
    assert read_ledger(ours.bucket).of(0) == ([(0, len(ours.posted))] if ours.posted else [])
    grown = {day for day in days if ours.landed(day) != ours.cleaned[day]}
    assert grown <= set(days_to_rerun(ours.bucket))


@any_number
@given(
    rounds=st.lists(st.tuples(posts, st.sampled_from(THREE_DAYS), st.integers(min_value=0, max_value=9)), max_size=6)
)
def test_landings_killed_before_any_write_and_resumed_end_as_one_that_was_not(
    rounds: list[tuple[list[int], date, int]],
) -> None:
    topic, killed, whole = FakeTopic(), MortalBucket(), FakeBucket()
    for posted, day, killed.writes_left in rounds:
        for at in posted:
            topic.post(at, str(at).encode())
        with suppress(KilledError):
            land_day(topic, killed, day, TIMES)
    killed.writes_left = 1_000_000

    land_day(topic, killed, MONDAY, TIMES)
    land_day(topic, whole, MONDAY, TIMES)

    assert contents(killed) == contents(whole)


class WatchedBucket(FakeBucket):
    """A bucket that calls `before_write` with the number of the write."""

    def __init__(self, before_write: Callable[[int], None]) -> None:
        super().__init__()
        self._before_write, self._writes = before_write, itertools.count()

    def put(self, key: str, body: bytes, metadata: Mapping[str, str]) -> None:
        self._before_write(next(self._writes))
        super().put(key, body, metadata)


@any_number
@given(posted=posts, begins_before=st.integers(min_value=0, max_value=20))
@example(posted=[start_of(MONDAY)], begins_before=2)  # between an object and its mark
@example(posted=[start_of(MONDAY)] * 5, begins_before=3)  # between a mark and the ledger
@example(posted=[start_of(MONDAY)] * 5, begins_before=4)  # between two objects
def test_a_day_that_grew_while_it_was_being_cleaned_stays_marked(posted: list[int], begins_before: int) -> None:
    topic = FakeTopic()
    for at in posted:
        topic.post(at, b"pin")
    listed: dict[date, list[str]] = {}
    seen: dict[date, int] = {}

    def begin_cleanings(write: int) -> None:
        if write == begins_before:
            for day in THREE_DAYS:
                listed[day], seen[day] = rerun_requests_of(bucket, day), len(lines(bucket, day))

    bucket = WatchedBucket(begin_cleanings)
    land_day(topic, bucket, MONDAY, TIMES)
    for rerun_requests in listed.values():
        bucket.delete(rerun_requests)

    assert {day for day, count in seen.items() if len(lines(bucket, day)) > count} <= set(days_to_rerun(bucket))


def test_a_day_stays_asked_for_whose_cleaning_ran_between_a_landing_that_was_killed_and_its_mark() -> None:
    topic, bucket = FakeTopic(), MortalBucket()
    topic.post(start_of(MONDAY), b"late")
    rerun_requests = rerun_requests_of(bucket, MONDAY)  # a cleaning begins
    bucket.writes_left = 2  # the topic's identity and the object
    with pytest.raises(KilledError):
        land_day(topic, bucket, MONDAY, TIMES)
    bucket.writes_left = 1_000_000
    bucket.delete(rerun_requests)  # and ends, without having seen the object
    assert (len(lines(bucket, MONDAY)), days_to_rerun(bucket)) == (1, [])

    land_day(topic, bucket, MONDAY, TIMES)

    assert days_to_rerun(bucket) == [MONDAY]


def test_a_record_that_was_ahead_stays_misdated_when_the_clock_has_caught_up() -> None:
    topic, bucket = FakeTopic(), MortalBucket()
    topic.post(start_of(THREE_DAYS[2]), b"ahead")
    bucket.writes_left = 2  # the topic's identity and the object
    with pytest.raises(KilledError):
        land_day(topic, bucket, MONDAY, PlausibleTimes.until(start_of(MONDAY), MONDAY))
    bucket.writes_left = 1_000_000

    land_day(topic, bucket, MONDAY, TIMES)

    assert [len(lines(bucket, day)) for day in (MISDATED_DAY, THREE_DAYS[2])] == [1, 0]


class ForgetfulTopic(FakeTopic):
    """A topic of which records expire while it is read: those before `expires`, once `at` has been read."""

    def __init__(self, at: int, expires: int) -> None:
        super().__init__()
        self._at, self._expires = at, expires

    def read(self, partition: int, start: int, stop: int) -> Iterator[Record]:
        for record in super().read(partition, start, stop):
            if self.beginning_offsets()[0] > record.offset:
                raise RecordsDeletedError
            yield record
            if record.offset == self._at:
                self.delete_before(0, self._expires)


def test_records_that_expire_while_they_are_read_are_told_as_lost_and_all_others_land() -> None:
    topic, bucket = ForgetfulTopic(at=5, expires=8), FakeBucket()
    for number in range(10):
        topic.post(start_of(THREE_DAYS[number // 5]), b"pin")

    landed = land_day(topic, bucket, MONDAY, TIMES)

    assert landed.losses == (Loss("pins", 0, 6, 8, THREE_DAYS[1], THREE_DAYS[1], before_first_landing=False),)
    assert [line["offset"] for day in THREE_DAYS for line in lines(bucket, day)] == [*range(6), 8, 9]


def test_a_loss_meets_the_days_between_its_neighbours_and_no_others() -> None:
    monday, tuesday, wednesday = THREE_DAYS
    between = Loss("pins", 0, 4, 7, monday, tuesday, before_first_landing=False)
    since_ever = Loss("pins", 0, 0, 7, None, tuesday, before_first_landing=False)
    of_before = Loss("pins", 0, 0, 7, None, tuesday, before_first_landing=True)

    assert [between.meets(day) for day in THREE_DAYS] == [True, True, False]
    assert [since_ever.meets(day) for day in (date(2026, 1, 1), monday, wednesday)] == [True, True, False]
    assert [of_before.meets(day) for day in THREE_DAYS] == [False, True, False]


def test_a_topic_that_was_made_anew_is_refused_and_changes_nothing() -> None:
    bucket = FakeBucket()
    land_day(FakeTopic(), bucket, MONDAY, TIMES)
    before = dict(bucket.objects)

    with pytest.raises(TopicReplacedError, match=r"topic pins with the id the first, but pins now .* recreated"):
        land_day(FakeTopic(identity="another"), bucket, MONDAY, TIMES)

    assert bucket.objects == before


def test_a_topic_that_was_cut_is_refused() -> None:
    topic, bucket = FakeTopic(), FakeBucket()
    topic.post(start_of(MONDAY), b"pin")
    topic.post(start_of(MONDAY), b"pin")
    land_day(topic, bucket, MONDAY, TIMES)
    topic.cut(0, 1)

    with pytest.raises(TopicCutError, match="Partition 0 of pins ends at offset 1, but S3 has its records up to 1"):
        land_day(topic, bucket, MONDAY, TIMES)


class HalfATopic(FakeTopic):
    """A topic whose first partition cannot be read after its first record."""

    broken = True

    def read(self, partition: int, start: int, stop: int) -> Iterator[Record]:
        for record in super().read(partition, start, stop):
            if self.broken and partition == 0 and record.offset > 0:
                raise TopicUnavailableError("partition 0 has no leader")
            yield record


def test_a_partition_that_cannot_be_read_does_not_hold_up_the_others() -> None:
    topic, bucket = HalfATopic(partitions=3), FakeBucket()
    for partition in range(3):
        for second in range(3):
            topic.post(start_of(MONDAY) + 1000 * second, b"{}", partition=partition)

    with pytest.raises(TopicUnavailableError, match="no leader"):
        land_day(topic, bucket, MONDAY, TIMES)

    covered = read_ledger(bucket).ranges
    assert (covered[1], covered[2]) == ([(0, 3)], [(0, 3)])
    assert days_to_rerun(bucket) == [MONDAY]

    topic.broken = False
    assert land_day(topic, bucket, MONDAY, TIMES).records == 9


@pytest.mark.parametrize("lost", [(0, 3), (1, 2), (2, 9)])
def test_raw_lines_that_s3_has_lost_are_landed_again_once_they_are_forgotten(lost: tuple[int, int]) -> None:
    topic, bucket = FakeTopic(partitions=2), FakeBucket()
    for partition in range(2):
        for second in range(3):
            topic.post(start_of(MONDAY) + 1000 * second, b"{}", partition=partition)
    land_day(topic, bucket, MONDAY, TIMES)
    before = contents(bucket)
    [key] = [key for key in before if key.startswith("events/") and "+0+" in key]
    bucket.delete([key])
    assert land_day(topic, bucket, MONDAY, TIMES).records == 3

    forget_offsets(bucket, [(0, *lost)], MONDAY)
    forget_offsets(bucket, [(0, *lost), (7, 0, 1)], MONDAY)

    assert read_ledger(bucket).of(1) == [(0, 3)]
    assert land_day(topic, bucket, MONDAY, TIMES).read == min(lost[1], 3) - lost[0]
    assert read_ledger(bucket).of(0) == [(0, 3)]
