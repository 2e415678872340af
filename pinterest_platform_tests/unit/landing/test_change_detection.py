"""Change detection: it finds new and late days, leaves out running ones, and finds nothing if nothing is new."""

from __future__ import annotations

from collections.abc import Set
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinterest_platform.landing.change_detection import MOST_DAYS, Changes, Cursor, detect
from pinterest_platform.landing.landing import land_day
from pinterest_platform.landing.rerun_requests import rerun_requests_of
from pinterest_platform.landing.topic_identity import TopicReplacedError
from pinterest_platform.pins.calendar import MILLISECONDS_AN_HOUR, PlausibleTimes, start_of
from pinterest_platform_tests.support.fakes import FakeBucket, FakeTopic

MONDAY, TUESDAY, WEDNESDAY = (date(2026, 11, 16) + timedelta(days=number) for number in range(3))
NOON = 12 * MILLISECONDS_AN_HOUR
PAUSE = timedelta(minutes=10)
NOBODY: Set[date] = frozenset()
TIMES = PlausibleTimes.until(start_of(date(2026, 11, 30)), date(2025, 1, 1))


def at(day: date, hour: int = 12) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


class Watcher:
    """Looks again and again, from where it last stood."""

    def __init__(self, topic: FakeTopic, bucket: FakeBucket) -> None:
        self.topic, self.bucket = topic, bucket
        self.cursor: Cursor | None = None

    def detect(self, now: datetime, held_back: Set[date] = NOBODY, undone: Set[date] = NOBODY) -> Changes:
        changes = detect(self.topic, self.bucket, self.cursor, held_back, now, PAUSE, undone)
        self.cursor = Cursor.decode(changes.cursor.encode())
        return changes

    def run(self, day: date) -> None:
        """What a run of the day does that comes to its end, as far as this is concerned."""
        land_day(self.topic, self.bucket, day, TIMES)
        self.bucket.delete(rerun_requests_of(self.bucket, day))


@pytest.fixture
def topic() -> FakeTopic:
    return FakeTopic(partitions=2)


@pytest.fixture
def watcher(topic: FakeTopic) -> Watcher:
    return Watcher(topic, FakeBucket())


def test_a_cursor_of_before_is_read() -> None:
    text = (
        '{"topic_id":"id","open_day_asked_at":"2026-11-16T12:00:00+00:00","offsets":{"0":5},"waiting":["2026-11-15"]}'
    )

    assert Cursor.decode(text) == Cursor("id", at(MONDAY), {0: 5})


def test_a_first_look_asks_for_every_day_that_has_records(topic: FakeTopic, watcher: Watcher) -> None:
    topic.post(start_of(MONDAY) + NOON, b"pin")
    topic.post(start_of(WEDNESDAY) + NOON, b"pin", partition=1)

    changes = watcher.detect(at(WEDNESDAY + timedelta(days=1)))

    assert (changes.days, changes.new_records) == ({MONDAY, WEDNESDAY}, 2)


def test_days_before_those_of_a_first_look_are_asked_for_when_they_have_landed(
    topic: FakeTopic, watcher: Watcher
) -> None:
    old, new = MONDAY - timedelta(days=MOST_DAYS), MONDAY
    topic.post(start_of(old), b"pin")
    topic.post(start_of(new), b"pin")

    first = watcher.detect(at(TUESDAY))
    watcher.run(new)

    assert (first.days, watcher.detect(at(TUESDAY)).days) == ({new}, {old})


def test_an_empty_topic_asks_for_nothing(watcher: Watcher) -> None:
    changes = watcher.detect(at(MONDAY))

    assert (changes.days, changes.waiting, changes.new_records) == (NOBODY, NOBODY, 0)


def test_no_news_asks_for_nothing(topic: FakeTopic, watcher: Watcher) -> None:
    topic.post(start_of(MONDAY), b"pin")
    watcher.detect(at(TUESDAY))
    watcher.run(MONDAY)

    changes = watcher.detect(at(TUESDAY, hour=13))

    assert (changes.days, changes.new_records) == (NOBODY, 0)


def test_a_day_stays_asked_for_until_a_run_of_it_has_come_to_its_end(topic: FakeTopic, watcher: Watcher) -> None:
    topic.post(start_of(MONDAY), b"pin")

    before = watcher.detect(at(TUESDAY)).days
    while_it_runs = watcher.detect(at(TUESDAY), held_back={MONDAY})
    land_day(topic, watcher.bucket, MONDAY, TIMES)  # the run landed it, and failed
    after = watcher.detect(at(TUESDAY)).days
    watcher.run(MONDAY)

    assert (before, while_it_runs.days, while_it_runs.waiting, after) == ({MONDAY}, NOBODY, {MONDAY}, {MONDAY})
    assert watcher.detect(at(TUESDAY)).days == NOBODY


def test_a_day_whose_last_run_failed_is_asked_for_though_nothing_is_new(watcher: Watcher) -> None:
    tomorrow = TUESDAY + timedelta(days=1)

    assert watcher.detect(at(TUESDAY), undone={MONDAY, tomorrow}).days == {MONDAY}


def test_a_record_that_is_ahead_hides_no_other_from_the_look(topic: FakeTopic, watcher: Watcher) -> None:
    topic.post(start_of(MONDAY), b"pin")
    watcher.run(MONDAY)
    topic.post(start_of(date(2040, 1, 1)), b"ahead")
    topic.post(start_of(MONDAY) + NOON, b"pin")

    watcher.detect(at(WEDNESDAY, hour=11))  # the day under way has its pause

    first = watcher.detect(at(WEDNESDAY))
    watcher.run(WEDNESDAY)

    assert (first.days, watcher.detect(at(WEDNESDAY)).days) == ({WEDNESDAY}, {MONDAY})


def test_a_day_that_somebody_else_has_run_is_not_asked_for(topic: FakeTopic, watcher: Watcher) -> None:
    topic.post(start_of(MONDAY), b"pin")
    watcher.run(MONDAY)

    assert watcher.detect(at(TUESDAY)).days == NOBODY


def test_a_late_record_asks_for_the_day_that_it_came_in_and_then_for_its_own(
    topic: FakeTopic, watcher: Watcher
) -> None:
    topic.post(start_of(MONDAY) + NOON, b"pin")
    topic.post(start_of(TUESDAY) + NOON, b"pin")
    for day in watcher.detect(at(WEDNESDAY, hour=1)).days:
        watcher.run(day)
    topic.post(start_of(TUESDAY) + NOON + 1, b"pin")
    topic.post(start_of(MONDAY) + NOON, b"late")

    first = watcher.detect(at(WEDNESDAY))
    watcher.run(TUESDAY)
    second = watcher.detect(at(WEDNESDAY))
    watcher.run(MONDAY)
    third = watcher.detect(at(WEDNESDAY))

    assert [changes.days for changes in (first, second, third)] == [{TUESDAY}, {MONDAY}, NOBODY]


def test_a_day_that_is_running_is_asked_for_when_its_run_has_ended(topic: FakeTopic, watcher: Watcher) -> None:
    topic.post(start_of(MONDAY), b"pin")

    during, after = watcher.detect(at(TUESDAY), held_back={MONDAY}), watcher.detect(at(TUESDAY))

    assert (during.days, after.days) == (NOBODY, {MONDAY})


def test_a_running_day_that_lands_everything_is_not_asked_for_again(topic: FakeTopic, watcher: Watcher) -> None:
    topic.post(start_of(MONDAY), b"pin")
    watcher.detect(at(TUESDAY), held_back={MONDAY})
    watcher.run(MONDAY)

    assert watcher.detect(at(TUESDAY)).days == NOBODY


def test_the_day_under_way_is_asked_for_once_in_a_pause(topic: FakeTopic, watcher: Watcher) -> None:
    asked = []
    for minute in range(0, 40, 5):
        topic.post(start_of(MONDAY) + NOON, b"pin")
        asked.append(watcher.detect(at(MONDAY) + timedelta(minutes=minute)).days == {MONDAY})

    assert asked == [False, False, True, False, True, False, True, False]


def test_what_a_pause_held_back_is_asked_for_when_the_day_is_over(topic: FakeTopic, watcher: Watcher) -> None:
    topic.post(start_of(MONDAY) + NOON, b"pin")
    watcher.detect(at(MONDAY))

    assert watcher.detect(at(TUESDAY, hour=0)).days == {MONDAY}


def test_a_partition_that_was_added_is_looked_at_from_its_beginning(topic: FakeTopic, watcher: Watcher) -> None:
    topic.post(start_of(MONDAY), b"pin")
    watcher.detect(at(WEDNESDAY))
    watcher.run(MONDAY)
    topic.add_partition()
    topic.post(start_of(TUESDAY), b"pin", partition=2)

    changes = watcher.detect(at(WEDNESDAY))

    assert (changes.days, changes.new_records) == ({TUESDAY}, 1)


def test_a_topic_that_was_made_anew_is_said_where_the_old_one_has_landed(watcher: Watcher) -> None:
    watcher.detect(at(MONDAY))
    watcher.topic = FakeTopic(identity="another")

    with pytest.raises(TopicReplacedError, match="recreated"):
        watcher.detect(at(MONDAY))


def test_a_topic_that_was_made_anew_is_looked_at_from_its_beginning_in_a_new_bucket(
    topic: FakeTopic, watcher: Watcher
) -> None:
    topic.post(start_of(MONDAY), b"pin")
    watcher.detect(at(WEDNESDAY))
    watcher.topic, watcher.bucket = FakeTopic(identity="another"), FakeBucket()
    watcher.topic.post(start_of(TUESDAY), b"pin")

    assert watcher.detect(at(WEDNESDAY)).days == {TUESDAY}


@given(
    rounds=st.lists(
        st.tuples(
            st.lists(st.tuples(st.integers(0, 5 * 24 - 1), st.integers(0, 1)), max_size=5),
            st.sets(st.sampled_from([MONDAY + timedelta(days=number) for number in range(5)])),
        ),
        max_size=8,
    )
)
def test_following_what_is_asked_for_lands_everything(
    rounds: list[tuple[list[tuple[int, int]], set[date]]],
) -> None:
    topic = FakeTopic(partitions=2)
    watcher, posted, now = Watcher(topic, FakeBucket()), 0, at(MONDAY + timedelta(days=5))
    for posts, held_back in [*rounds, ([], set()), ([], set()), ([], set())]:
        for hour, partition in posts:
            topic.post(start_of(MONDAY) + hour * MILLISECONDS_AN_HOUR, b"pin", partition=partition)
            posted += 1
        changes = watcher.detect(now, held_back)
        for day in changes.days:
            watcher.run(day)

    last = watcher.detect(now)

    landed = watcher.bucket.list("events/")
    described = [watcher.bucket.describe(stored.key) for stored in landed]
    assert (last.days, last.waiting) == (NOBODY, NOBODY)
    assert sum(int(found.metadata["records"]) for found in described if found) == posted


def test_a_clock_that_was_ahead_does_not_hold_the_open_day_back(topic: FakeTopic, watcher: Watcher) -> None:
    watcher.detect(at(WEDNESDAY))
    topic.post(start_of(TUESDAY), b"{}")

    assert watcher.detect(at(TUESDAY)).days == {TUESDAY}
