"""The JVM profile for a run of days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import pytest

from pinterest_platform.defs.spark_session import driver_for
from pinterest_platform.landing.raw_objects import object_key
from pinterest_platform.stores.java_options import Driver
from pinterest_platform_tests.support.fakes import FakeBucket

FIRST = date(2026, 11, 1)
MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("landed", "driver"),
    [
        ([], Driver.SMALL_BATCH),
        ([0, 2], Driver.SMALL_BATCH),
        ([2] * 30, Driver.SMALL_BATCH),
        ([2, 70, 2], Driver.LARGE_BATCH),
        ([40, 40], Driver.LARGE_BATCH),
    ],
)
def test_a_drivers_jvm_suits_what_has_landed(landed: Sequence[int], driver: Driver) -> None:
    bucket, days = FakeBucket(), [FIRST + timedelta(days=number) for number in range(len(landed))]
    for day, size in zip(days, landed, strict=True):
        for partition in range(2):
            bucket.put(object_key(day, "pins", partition, 0), bytes(size * MIB // 2), {})

    assert driver_for(bucket, days) is driver


def test_another_days_objects_do_not_count() -> None:
    bucket = FakeBucket()
    bucket.put(object_key(FIRST, "pins", 0, 0), bytes(70 * MIB), {})

    assert driver_for(bucket, [FIRST + timedelta(days=1)]) is Driver.SMALL_BATCH
