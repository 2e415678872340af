"""A day for crash tests: every store has an earlier slice of it, and Kafka has newer records.

It also has the points at which a batch may be killed, as the stores show them, and the result of a clean run.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Any

from kafka import KafkaProducer
from pyspark.sql import SparkSession

from pinterest_platform.clean_slices.build import read_clean
from pinterest_platform.clean_slices.manifest import clean_prefix
from pinterest_platform.landing.raw_objects import day_prefix
from pinterest_platform.pins.calendar import start_of
from pinterest_platform.serving.pinterest_batch import replace_batch_slices
from pinterest_platform.settings import Settings
from pinterest_platform.stores import kafka
from pinterest_platform.stores.cassandra import open_session
from pinterest_platform.stores.s3 import create_bucket, open_bucket
from pinterest_platform_tests.support.batch_process import run_day
from pinterest_platform_tests.support.pins import posted
from pinterest_platform_tests.support.rows import count_day, stored_days

DAY = date(2026, 11, 16)
PARTITIONS = 12  # many small raw objects: there is much middle between the first and the last
_CATEGORIES = 5
_POLL_SECONDS = 0.02
_REPEATED_EVERY, _BROKEN_EVERY = 10, 50


class Moment(Enum):
    """When something happens to a run."""

    LANDING = "a raw object is new"
    CLEANING = "Spark has begun to write Parquet"
    UPLOADED = "a Parquet file is uploaded, not yet visible"
    COMMITTED = "new Parquet is visible, no note names it"
    SERVING = "Cassandra has new rows"


@dataclass(frozen=True)
class CrashedDay:
    """`settings` name a topic with all records and the bucket with the earlier slice of `earlier` clean rows.

    `expected` is what one clean run over all records leaves, `later` clean rows among it.
    """

    settings: Settings
    earlier: int
    later: int
    expected: dict[str, Any]


def make_crashed_day(spark: SparkSession, settings: Settings, pins: int) -> CrashedDay:
    """Post `pins` pins, the earlier half of which is materialised; and see what a clean run of all makes of them."""
    topic = f"t{uuid.uuid4().hex[:12]}"
    half = with_bucket(settings.model_copy(update={"kafka_topic": topic, "kafka_partitions": PARTITIONS}))
    kafka.create_topic(half)
    _post(half, 0, pins // 2)
    _forget_rows(half)
    run_day(half, DAY, lambda: spark)
    earlier = _rows(half)
    _post(half, pins // 2, pins)
    clean = with_bucket(half)
    run_day(clean, DAY, lambda: spark)
    return CrashedDay(half, earlier, _rows(clean), stored_days(clean, [DAY]))


def with_bucket(settings: Settings) -> Settings:
    """With a bucket that is new and empty."""
    own = settings.model_copy(update={"s3_bucket": f"t{uuid.uuid4().hex[:12]}"})
    create_bucket(own)
    return own


def with_earlier_slice(spark: SparkSession, day: CrashedDay) -> Settings:
    """A bucket and tables as they were when only the earlier records had been posted."""
    own = with_bucket(day.settings)
    before, bucket = open_bucket(day.settings), open_bucket(own)
    for listed in before.list(""):
        stored = before.describe(listed.key)
        bucket.put(listed.key, before.get(listed.key), stored.metadata if stored else {})
    _forget_rows(own)
    replace_batch_slices(read_clean(spark, bucket, [DAY]), own, [DAY])
    return own


class Watch:
    """Tells when a moment has come, by comparing the stores with what they have now."""

    def __init__(self, settings: Settings) -> None:
        self._settings, self._bucket = settings, open_bucket(settings)
        self._raw, self._clean = self._listing(day_prefix(DAY)), self._listing(clean_prefix(DAY))
        self._rows = _rows(settings)

    def wait_for(self, moment: Moment, seconds: float = 120, while_: Callable[[], bool] = lambda: True) -> None:
        """Until the moment has come; an error if it does not, or if `while_` is no longer true."""
        deadline = time.monotonic() + seconds
        with open_session(self._settings) as session:
            session.set_keyspace(self._settings.cassandra_keyspace)
            while not self._has_come(moment, session):
                assert while_(), f"the run ended before {moment.value}"
                assert time.monotonic() < deadline, f"{seconds} s have passed, but not: {moment.value}"
                time.sleep(_POLL_SECONDS)

    def _has_come(self, moment: Moment, session: Any) -> bool:
        match moment:
            case Moment.LANDING:
                return self._listing(day_prefix(DAY)) != self._raw
            case Moment.CLEANING:
                return any("__magic" in key for key in self._new_clean())
            case Moment.UPLOADED:
                return any(key.endswith(".pending") for key in self._new_clean())
            case Moment.COMMITTED:
                return any(key.endswith(".parquet") and "__magic" not in key for key in self._new_clean())
            case Moment.SERVING:
                return count_day(session, DAY) > self._rows

    def _new_clean(self) -> set[str]:
        return {key for key, _ in self._listing(clean_prefix(DAY)) - self._clean}

    def _listing(self, prefix: str) -> set[tuple[str, int]]:
        return {(stored.key, stored.size) for stored in self._bucket.list(prefix)}


def _post(settings: Settings, first: int, following: int) -> None:
    """Distinct pins, a tenth of them posted twice, and some that are none."""
    producer = KafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers, linger_ms=50, batch_size=262_144)
    for number in range(first, following):
        pin = number - number % _REPEATED_EVERY if number % _REPEATED_EVERY == 1 else number
        value = posted(unique_id=f"pin {pin}", category=f"category {pin % _CATEGORIES}", title=f"title {number}")
        value = b"no pin" if number % _BROKEN_EVERY == 7 else value
        producer.send(
            settings.kafka_topic, value=value, partition=number % PARTITIONS, timestamp_ms=start_of(DAY) + number
        )
    producer.close()


def _forget_rows(settings: Settings) -> None:
    with open_session(settings) as session:
        for table in ("pinterest_batch", "pinterest_batch_categories"):
            session.execute(f"TRUNCATE {settings.cassandra_keyspace}.{table}")


def _rows(settings: Settings) -> int:
    with open_session(settings) as session:
        session.set_keyspace(settings.cassandra_keyspace)
        return count_day(session, DAY)
