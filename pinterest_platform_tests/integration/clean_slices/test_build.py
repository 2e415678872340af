"""The clean slice over real S3: what is written, counted and replaced."""

from __future__ import annotations

import time
from datetime import date, timedelta
from unittest.mock import Mock

import pytest
from pyspark.sql import DataFrame, SparkSession

from pinterest_platform.clean_slices import build
from pinterest_platform.clean_slices.build import read_clean, replace_clean_slices
from pinterest_platform.clean_slices.event_ids import event_files
from pinterest_platform.clean_slices.manifest import (
    CleaningCounts,
    SliceWriter,
    clean_files,
    clean_prefix,
    quarantine_files,
    quarantine_prefix,
    read_manifest,
)
from pinterest_platform.defs.cleaning.checks import event_ids_finding
from pinterest_platform.landing.landing import land_day
from pinterest_platform.landing.raw_objects import landed_objects
from pinterest_platform.landing.rerun_requests import days_to_rerun, rerun_requests_of
from pinterest_platform.pins.calendar import PlausibleTimes, start_of
from pinterest_platform.pins.cleaning import CLEAN_COLUMNS
from pinterest_platform.reconciliation.event_ids import Conflict, conflicts
from pinterest_platform.settings import Settings
from pinterest_platform.stores.parquet import count_rows
from pinterest_platform.stores.s3 import ObjectStore, open_bucket
from pinterest_platform_tests.conftest import TEST_SETTINGS
from pinterest_platform_tests.support.clean_slices import settle
from pinterest_platform_tests.support.cleaned_day import replace_clean_slice
from pinterest_platform_tests.support.fakes import FakeTopic
from pinterest_platform_tests.support.pins import VALID_PIN, posted

DAY = date(2026, 11, 16)


@pytest.fixture
def bucket(corner: Settings) -> ObjectStore:
    return open_bucket(corner)


def land(bucket: ObjectStore, *values: bytes | None) -> None:
    """Make these records the day's raw slice, in place of those that were."""
    bucket.delete(stored.key for prefix in ("events/", "landings/") for stored in bucket.list(prefix))
    topic = FakeTopic()
    for value in values:
        topic.post(start_of(DAY), value)
    land_day(topic, bucket, DAY, PlausibleTimes.now(TEST_SETTINGS.first_day))


def test_every_record_of_the_day_is_clean_quarantined_or_superseded(
    spark: SparkSession, corner: Settings, bucket: ObjectStore
) -> None:
    land(bucket, posted(), posted(title="newer"), posted(unique_id="other"), b"\xff", None, b"[]")

    outcome = replace_clean_slice(spark, bucket, DAY)

    assert (outcome.raw, outcome.clean, outcome.superseded, outcome.quarantined) == (6, 2, 1, 3)
    assert outcome.reasons == {
        "the record has no value": 1,
        "the value is not UTF-8 text": 1,
        "the value is not a JSON object": 1,
    }
    assert (count_rows(corner, clean_files(bucket, DAY)), count_rows(corner, quarantine_files(bucket, DAY))) == (2, 3)
    assert read_manifest(bucket, DAY) == outcome


def test_the_slice_has_the_public_columns_in_order(spark: SparkSession, bucket: ObjectStore) -> None:
    land(bucket, posted())

    replace_clean_slice(spark, bucket, DAY)

    assert tuple(read_clean(spark, bucket, [DAY]).columns) == CLEAN_COLUMNS


def test_cleaning_again_replaces_the_slice(spark: SparkSession, corner: Settings, bucket: ObjectStore) -> None:
    land(bucket, posted(), b"[]")
    replace_clean_slice(spark, bucket, DAY)
    land(bucket, posted(), posted(unique_id="other"))

    outcome = replace_clean_slice(spark, bucket, DAY)

    rows = read_clean(spark, bucket, [DAY]).collect()
    assert sorted(row["unique_id"] for row in rows) == [VALID_PIN["unique_id"], "other"]
    assert (outcome.quarantined, count_rows(corner, quarantine_files(bucket, DAY))) == (0, 0)


def test_a_day_without_records_is_an_empty_slice(spark: SparkSession, bucket: ObjectStore) -> None:
    outcome = replace_clean_slice(spark, bucket, DAY)

    assert (outcome.raw, outcome.clean) == (0, 0)
    assert read_clean(spark, bucket, [DAY]).count() == 0


def test_a_day_of_nothing_but_rejects_has_an_empty_clean_slice(spark: SparkSession, bucket: ObjectStore) -> None:
    land(bucket, b"[]", None)

    outcome = replace_clean_slice(spark, bucket, DAY)

    assert (outcome.raw, outcome.clean, outcome.superseded, outcome.quarantined) == (2, 0, 0, 2)
    assert (read_clean(spark, bucket, [DAY]).count(), len(quarantine_files(bucket, DAY))) == (0, 1)


def test_a_value_of_more_characters_than_sparks_reader_takes_by_default_stops_nobody(
    spark: SparkSession, bucket: ObjectStore
) -> None:
    land(bucket, posted(), b'{"description": "' + b"x" * 20_000_001 + b'"}')

    outcome = replace_clean_slice(spark, bucket, DAY)

    assert (outcome.raw, outcome.clean, outcome.quarantined) == (2, 1, 1)


def test_days_that_are_cleaned_together_are_slices_of_their_own(
    spark: SparkSession, corner: Settings, bucket: ObjectStore
) -> None:
    topic, next_day, empty_day = FakeTopic(), DAY + timedelta(days=1), DAY + timedelta(days=2)
    for at, value in (
        (DAY, posted()),
        (DAY, b"[]"),
        (next_day, posted(title="old")),
        (next_day, posted(title="new")),
    ):
        topic.post(start_of(at), value)
    for day in (DAY, next_day):
        land_day(topic, bucket, day, PlausibleTimes.now(TEST_SETTINGS.first_day))

    outcomes = list(replace_clean_slices(spark, bucket, [DAY, next_day, empty_day]))

    counts = [(found.raw, found.clean, found.superseded, found.quarantined) for found in outcomes]
    assert counts == [(2, 1, 0, 1), (2, 1, 1, 0), (0, 0, 0, 0)]
    assert [read_manifest(bucket, found.day) for found in outcomes] == outcomes
    assert [row["title"] for row in read_clean(spark, bucket, [next_day]).collect()] == ["new"]
    assert read_clean(spark, bucket, [DAY, next_day, empty_day]).count() == 2
    assert (len(quarantine_files(bucket, DAY)), quarantine_files(bucket, next_day)) == (1, [])
    assert not list(bucket.list("writes/"))


def land_days(bucket: ObjectStore, *records: tuple[int, bytes]) -> None:
    """Land these records, each so many days after the first day; no day is asked for then."""
    topic = FakeTopic()
    for number, value in records:
        topic.post(start_of(DAY + timedelta(days=number)), value)
    for number in {number for number, _ in records}:
        land_day(topic, bucket, DAY + timedelta(days=number), PlausibleTimes.now(TEST_SETTINGS.first_day))
    bucket.delete([mark for day in days_to_rerun(bucket) for mark in rerun_requests_of(bucket, day)])


def titles(spark: SparkSession, bucket: ObjectStore, number: int) -> list[str]:
    rows = read_clean(spark, bucket, [DAY + timedelta(days=number)]).collect()
    return sorted(row["title"] for row in rows)


FIRST = posted(unique_id="a", event_id="e", title="first")
OTHER = posted(unique_id="b", event_id="e", title="other")


@pytest.mark.parametrize("order", [[[0, 1, 6, 14]], [[0], [1], [6], [14]], [[14], [6, 1], [0]]])
def test_an_event_that_comes_again_within_a_week_counts_once_whatever_day_is_cleaned_first(
    spark: SparkSession, bucket: ObjectStore, order: list[list[int]]
) -> None:
    land_days(bucket, (0, FIRST), (0, FIRST), (0, OTHER), (1, FIRST), (6, FIRST), (6, OTHER), (14, FIRST))

    outcomes = [
        outcome
        for numbers in order
        for outcome in replace_clean_slices(spark, bucket, [DAY + timedelta(days=number) for number in numbers])
    ]

    counts = {(found.day - DAY).days: (found.raw, found.clean, found.superseded, found.repeated) for found in outcomes}
    assert counts == {0: (3, 2, 0, 1), 1: (1, 0, 0, 1), 6: (2, 0, 0, 2), 14: (1, 1, 0, 0)}
    assert (titles(spark, bucket, 0), titles(spark, bucket, 14)) == (["first", "other"], ["first"])
    assert days_to_rerun(bucket) == []


def test_a_day_that_was_cleaned_before_the_events_that_it_repeats_came_is_asked_for(
    spark: SparkSession, bucket: ObjectStore
) -> None:
    land_days(bucket, (0, FIRST), (1, FIRST), (2, OTHER))
    [late] = landed_objects(bucket, DAY)
    content, stored = bucket.get(late.key), bucket.describe(late.key)
    assert stored is not None
    bucket.delete([late.key])
    before = list(replace_clean_slices(spark, bucket, [DAY + timedelta(days=1), DAY + timedelta(days=2)]))
    bucket.put(late.key, content, stored.metadata)

    replace_clean_slice(spark, bucket, DAY)

    assert ([each.repeated for each in before], days_to_rerun(bucket)) == ([0, 0], [DAY + timedelta(days=1)])
    after = replace_clean_slice(spark, bucket, DAY + timedelta(days=1))
    settle(bucket, after.day)
    assert ((after.clean, after.repeated), days_to_rerun(bucket)) == ((0, 1), [])


def test_event_ids_are_made_anew_when_they_are_gone(spark: SparkSession, corner: Settings, bucket: ObjectStore) -> None:
    land_days(bucket, (0, FIRST), (1, FIRST))
    replace_clean_slice(spark, bucket, DAY)
    bucket.delete(stored.key for stored in bucket.list("event_ids/"))

    outcome = replace_clean_slice(spark, bucket, DAY + timedelta(days=1))

    assert (outcome.clean, outcome.repeated) == (0, 1)
    assert count_rows(corner, event_files(bucket, [DAY, DAY + timedelta(days=1)])) == 2


def test_an_event_id_on_another_pin_or_content_is_named_with_both_records(
    spark: SparkSession, corner: Settings, bucket: ObjectStore
) -> None:
    land_days(bucket, (0, FIRST), (0, OTHER), (1, OTHER), (1, posted(unique_id="c", event_id="e")), (1, posted()))
    list(replace_clean_slices(spark, bucket, [DAY, DAY + timedelta(days=1)]))

    assert conflicts(corner, bucket, DAY) == [Conflict((0, 1), (0, 0))]
    assert conflicts(corner, bucket, DAY + timedelta(days=1)) == [Conflict((0, 3), (0, 0))]
    assert event_ids_finding(corner, DAY).problem == (
        "1 records reuse the event_id of another pin or of other content: partition 0 offset 1 has the event_id of "
        "partition 0 offset 0. Both are stored. Find the producer that uses an id twice."
    )


def test_what_a_killed_write_left_is_deleted_when_no_write_can_last_so_long(
    spark: SparkSession, bucket: ObjectStore
) -> None:
    old, under_way = f"writes/{0:010}-a/dt=2026-11-16/b.parquet", f"writes/{int(time.time()):010}-c/d.parquet"
    for key in (old, under_way):
        bucket.put(key, b"", {})
    land(bucket, posted(), b"[]")

    replace_clean_slice(spark, bucket, DAY)

    assert [stored.key for stored in bucket.list("writes/")] == [under_way]


def test_large_days_are_not_kept_together(
    spark: SparkSession, bucket: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(bucket, posted(), posted(unique_id="other"))
    monkeypatch.setattr(build, "_RECORDS_TOGETHER", -1)
    with monkeypatch.context() as kept:
        kept.setattr(DataFrame, "localCheckpoint", Mock(side_effect=AssertionError))

        outcomes = list(replace_clean_slices(spark, bucket, [DAY - timedelta(days=1), DAY]))

    assert [found.clean for found in outcomes] == [0, 2]


def test_a_cleaning_that_was_killed_before_its_end_leaves_the_slice_as_it_was(
    spark: SparkSession, bucket: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(bucket, posted(), b"[]")
    before = replace_clean_slice(spark, bucket, DAY)
    files = clean_files(bucket, DAY) + quarantine_files(bucket, DAY)
    land(bucket, posted(), b"[]", posted(unique_id="other"))
    with monkeypatch.context() as killed:
        killed.setattr(SliceWriter, "publish", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            replace_clean_slice(spark, bucket, DAY)

    assert clean_files(bucket, DAY) + quarantine_files(bucket, DAY) == files
    assert read_manifest(bucket, DAY) == before

    replace_clean_slice(spark, bucket, DAY)

    assert read_clean(spark, bucket, [DAY]).count() == 2
    left = [stored.key for prefix in (clean_prefix(DAY), quarantine_prefix(DAY)) for stored in bucket.list(prefix)]
    assert [key for key in left if key.endswith(".parquet")] == clean_files(bucket, DAY) + quarantine_files(bucket, DAY)


def test_a_slower_cleaning_that_began_earlier_does_not_replace_a_newer_slice(
    spark: SparkSession, bucket: ObjectStore
) -> None:
    land(bucket, posted())
    slower = SliceWriter(bucket, DAY)
    newer = replace_clean_slice(spark, bucket, DAY)

    slower.publish(
        CleaningCounts(DAY, 0, 0, 0, 0, {}, {}), ["clean/dt=2026-11-16/part-00000-a-b-c-d-e-c000.parquet"], []
    )

    assert read_manifest(bucket, DAY) == newer
    assert read_clean(spark, bucket, [DAY]).count() == 1
