"""Every kind of record from a hostile or careless producer, through stream and batch, checked one by one."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from random import Random

import pytest
from pyspark.sql import SparkSession

from pinterest_platform.pins.calendar import MISDATED_DAY, day_of
from pinterest_platform.settings import Settings
from pinterest_platform.stores.postgres import Connection
from pinterest_platform.stores.s3 import create_bucket
from pinterest_platform_tests.support.batch_process import run_day
from pinterest_platform_tests.support.books import Books, differences, open_books
from pinterest_platform_tests.support.hostile_records import Fate, Making, hostile_kinds, mixed
from pinterest_platform_tests.support.hostile_topic import Sent, create_topic_of_others, hostile_producers
from pinterest_platform_tests.support.streaming import stream_to_the_end

ORDINARY, HOSTILE = 1_600, 400
SEED = 7


@pytest.fixture
def topic_of_others(keyspace: Settings, database: Connection) -> Settings:
    """Settings with a topic that takes any time, a bucket of its own, and empty tables."""
    name = f"t{uuid.uuid4().hex[:12]}"
    own = keyspace.model_copy(update={"kafka_topic": name, "s3_bucket": name})
    create_topic_of_others(own)
    create_bucket(own)
    return own


def send(settings: Settings) -> list[Sent]:
    making = Making(Random(SEED), int(time.time() * 1_000), settings.first_day, settings.kafka_topic)
    with hostile_producers(settings) as producers:
        return list(producers.send(mixed(making, ORDINARY, HOSTILE)))


def run_batch(spark: SparkSession, settings: Settings, sent: Sequence[Sent]) -> None:
    """Every day, and that of the records that are of none, which nothing serves."""
    days = sorted({day_of(one.timestamp_ms) for one in sent if one.kind.fate is not Fate.MISDATED})
    for day in days:
        run_day(settings, day, lambda: spark, ["land"])
    for day in days:
        run_day(settings, day, lambda: spark, ["clean", "serve"])
    run_day(settings, MISDATED_DAY, lambda: spark, ["clean"])


def test_every_record_is_a_row_a_duplicate_or_a_reject_with_its_reason_and_the_others_go_on(
    spark: SparkSession, topic_of_others: Settings
) -> None:
    sent = send(topic_of_others)
    stream_to_the_end(spark, topic_of_others)
    run_batch(spark, topic_of_others, sent)

    books: Books = open_books(topic_of_others)

    assert {one.kind.name for one in sent} >= {kind.name for kind in hostile_kinds()}
    assert differences(books, sent) == []
