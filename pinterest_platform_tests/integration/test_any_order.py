"""Backfills in any order, repeated, killed and resumed leave the same in the stores as one clean run in order."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import date, timedelta
from enum import Enum
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from kafka import KafkaProducer
from pyspark.sql import SparkSession

from pinterest_platform.clean_slices.build import read_clean
from pinterest_platform.landing.landing import land_day
from pinterest_platform.landing.rerun_requests import days_to_rerun
from pinterest_platform.pins.calendar import PlausibleTimes, start_of
from pinterest_platform.serving import pinterest_batch
from pinterest_platform.settings import Settings
from pinterest_platform.stores.cassandra import open_session
from pinterest_platform.stores.kafka import open_topic
from pinterest_platform.stores.s3 import ObjectStore, StoredObject, create_bucket, open_bucket
from pinterest_platform_tests.support.clean_slices import settle
from pinterest_platform_tests.support.cleaned_day import replace_clean_slice
from pinterest_platform_tests.support.pins import posted
from pinterest_platform_tests.support.rows import stored_days

FIRST_DAY = date(2026, 11, 16)
DAYS = [FIRST_DAY + timedelta(days=number) for number in range(3)]
EVENTS_A_DAY = 20


class KilledError(Exception):
    """Ends an attempt where a crash would."""


class Death(Enum):
    """Where an attempt at a day ends."""

    LANDING = "after its first raw object"
    LANDED = "before cleaning"
    CLEANING = "with files beside the old ones that no note names"
    PUBLISHED = "with the old files beside the new ones"
    CLEANED = "before serving"
    SERVING = "with old and new rows in Cassandra"
    NONE = "not at all"


Attempt = tuple[date, Death]


class MortalBucket:
    """A bucket whose writer dies after so many writes; those of event ids and through a Spark write's folder go on."""

    def __init__(self, bucket: ObjectStore, writes: int) -> None:
        self.name = bucket.name
        self._bucket, self._writes = bucket, writes

    def put(self, key: str, body: bytes, metadata: Mapping[str, str]) -> None:
        if not key.startswith("event_ids/"):
            self._live()
        self._bucket.put(key, body, metadata)

    def create(self, key: str, body: bytes, metadata: Mapping[str, str]) -> bool:
        self._live()
        return self._bucket.create(key, body, metadata)

    def replace(self, described: StoredObject, body: bytes, metadata: Mapping[str, str]) -> bool:
        self._live()
        return self._bucket.replace(described, body, metadata)

    def copy(self, key: str, to: str) -> None:
        self._bucket.copy(key, to)

    def delete(self, keys: Iterable[str]) -> None:
        deleted = list(keys)
        if not all(key.startswith(("writes/", "event_ids/")) for key in deleted):
            self._live()
        self._bucket.delete(deleted)

    def get(self, key: str) -> bytes:
        return self._bucket.get(key)

    def list(self, prefix: str) -> Iterator[StoredObject]:
        return self._bucket.list(prefix)

    def describe(self, key: str) -> StoredObject | None:
        return self._bucket.describe(key)

    def _live(self) -> None:
        if not self._writes:
            raise KilledError
        self._writes -= 1


def completed(attempts: Sequence[Attempt]) -> list[Attempt]:
    """The attempts in their order; the last one at each day survives."""
    last = {day: number for number, (day, _) in enumerate(attempts)}
    return [(day, Death.NONE if last[day] == number else death) for number, (day, death) in enumerate(attempts)]


def schedules() -> st.SearchStrategy[list[Attempt]]:
    """Every day at least once, in any order, up to two attempts more."""
    attempts = st.tuples(st.sampled_from(DAYS), st.sampled_from(Death))
    once = st.tuples(*(st.tuples(st.just(day), st.sampled_from(Death)) for day in DAYS))
    together = st.builds(lambda first, more: [*first, *more], once, st.lists(attempts, min_size=1, max_size=2))
    return together.flatmap(st.permutations).map(completed)


@pytest.fixture
def topic_of_days(corner: Settings, keyspace: Settings) -> Settings:
    """Three days of repeated pins and some that are none; the second half of each comes after the other days.

    One event is sent again every day.
    """
    producer = KafkaProducer(bootstrap_servers=corner.kafka_bootstrap_servers)
    again = posted(unique_id="again", event_id="again")
    for day in [*DAYS, *DAYS]:
        for number in range(EVENTS_A_DAY // 2):
            pin = posted(unique_id=f"pin {number % 7}", category=f"category {(number + day.day) % 3}")
            value = b"no pin" if number == 4 else pin
            producer.send(corner.kafka_topic, value=value, partition=number % 3, timestamp_ms=start_of(day) + number)
        producer.send(corner.kafka_topic, value=again, partition=0, timestamp_ms=start_of(day) + EVENTS_A_DAY)
    producer.close()
    return corner.model_copy(update={"cassandra_keyspace": keyspace.cassandra_keyspace})


def fresh(settings: Settings) -> Settings:
    """A bucket that is new, and empty tables."""
    own = settings.model_copy(update={"s3_bucket": f"t{uuid.uuid4().hex[:12]}"})
    create_bucket(own)
    with open_session(own) as session:
        for table in ("pinterest_batch", "pinterest_batch_categories"):
            session.execute(f"TRUNCATE {own.cassandra_keyspace}.{table}")
    return own


def attempt(spark: SparkSession, settings: Settings, day: date, death: Death) -> None:
    """Land, clean and serve the day, or die on the way."""
    bucket: ObjectStore = open_bucket(settings)
    with open_topic(settings) as topic:
        land_day(
            topic,
            MortalBucket(bucket, 2) if death is Death.LANDING else bucket,
            day,
            PlausibleTimes.now(settings.first_day),
        )
    _die(death, Death.LANDED)
    replace_clean_slice(spark, _mortal(bucket, death), day)
    _die(death, Death.CLEANED)
    with _mortal_serving(death):
        pinterest_batch.replace_batch_slices(read_clean(spark, bucket, [day]), settings, [day])
    settle(bucket, day)


def _mortal(bucket: ObjectStore, death: Death) -> ObjectStore:
    """The bucket of a cleaning, which writes its note and then deletes old files."""
    writes = {Death.CLEANING: 0, Death.PUBLISHED: 1}  # the note; then old files are deleted
    return MortalBucket(bucket, writes[death]) if death in writes else bucket


def _die(death: Death, here: Death) -> None:
    if death is here:
        raise KilledError


@contextmanager
def _mortal_serving(death: Death) -> Iterator[None]:
    def die(*_: object) -> None:
        raise KilledError

    with pytest.MonkeyPatch.context() as patch:
        if death is Death.SERVING:
            patch.setattr(pinterest_batch, "_delete_older", die)
        yield


def run(spark: SparkSession, settings: Settings, schedule: Sequence[Attempt]) -> dict[str, Any]:
    own = fresh(settings)
    for day, death in schedule:
        with suppress(KilledError):
            attempt(spark, own, day, death)
    while grown := days_to_rerun(open_bucket(own)):  # as the sensor asks for them
        attempt(spark, own, grown[0], Death.NONE)
    return stored_days(own, DAYS)


@pytest.fixture
def in_order(spark: SparkSession, topic_of_days: Settings) -> dict[str, Any]:
    """What one clean run in order leaves."""
    return run(spark, topic_of_days, [(day, Death.NONE) for day in DAYS])


@hypothesis_settings(
    max_examples=1,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking would run days for an hour
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@example(
    [
        (DAYS[2], Death.SERVING),
        (DAYS[0], Death.CLEANING),
        (DAYS[2], Death.NONE),
        (DAYS[1], Death.LANDING),
        (DAYS[0], Death.NONE),
        (DAYS[1], Death.NONE),
    ]
)
@given(schedule=schedules())
def test_days_in_any_order_repeated_killed_and_resumed_end_alike(
    spark: SparkSession, topic_of_days: Settings, in_order: dict[str, Any], schedule: list[Attempt]
) -> None:
    assert len(in_order["cassandra"]) == sum(map(len, in_order["clean"].values())) == 6 * len(DAYS) + 1

    assert run(spark, topic_of_days, schedule) == in_order
