"""Landing over the in-memory twins, and the properties that only they can try often enough."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pinterest_platform.batch.landing import land_day
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
