"""Records whose timestamp Spark cannot hold are found in a topic in memory, and read by kafka-python instead."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from pyspark.sql import SparkSession

from pinterest_platform.pins.calendar import MILLISECONDS_AN_HOUR, MISDATED_DAY, start_of
from pinterest_platform.settings import Settings
from pinterest_platform.stream.copy_lines import LINE_COLUMNS
from pinterest_platform.stream.unreadable_records import pass_unreadable_records
from pinterest_platform_tests.support.fakes import FakeTopic
from pinterest_platform_tests.support.pins import posted

DAY = date(2026, 11, 16)
NOON = start_of(DAY) + 12 * MILLISECONDS_AN_HOUR


def passed(spark: SparkSession, topic: FakeTopic, progress: dict[int, int]) -> tuple[int, list[Any]]:
    """How many there were, and (partition, offset, day, whether it is a reject) of each line that was written."""
    lines: list[str] = []
    found = pass_unreadable_records(spark, Settings(), topic, progress, lines.extend)
    rows = [dict(zip(LINE_COLUMNS, line.split("\t"), strict=True)) for line in lines]
    return found, [
        (int(row["kafka_partition"]), int(row["kafka_offset"]), row["ingest_date"], row["reason"] != r"\N")
        for row in rows
    ]


@pytest.mark.parametrize("timestamp", [2**63 - 1, -(2**63), NOON * 1_000, NOON * 1_000_000, -62_135_596_800_001])
def test_a_time_that_is_no_time_is_a_reject_and_what_stands_before_it_a_pin(
    spark: SparkSession, timestamp: int
) -> None:
    topic = FakeTopic(partitions=2)
    for moment in (NOON, NOON, timestamp, NOON):
        topic.post(moment, posted())
    topic.post(NOON, posted(), partition=1)

    found, written = passed(spark, topic, {0: 1})

    assert found == 1
    assert written == [(0, 1, str(DAY), False), (0, 2, str(MISDATED_DAY), True)]


def test_where_every_time_can_be_read_nothing_is_passed(spark: SparkSession) -> None:
    topic = FakeTopic()
    for moment in (NOON, -1, 0, 1_700_000_000):
        topic.post(moment, posted())

    assert passed(spark, topic, {}) == (0, [])
