"""Records are posted, expired, landed and cleaned, and attempts killed, in any order: landed records are never lost."""

from __future__ import annotations

import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta

from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from kafka import KafkaAdminClient, KafkaProducer, TopicPartition
from pyspark.sql import SparkSession

from pinterest_platform.landing.losses import losses
from pinterest_platform.pins.calendar import start_of
from pinterest_platform.settings import Settings
from pinterest_platform.stores.kafka import create_topic
from pinterest_platform.stores.s3 import create_bucket, open_bucket
from pinterest_platform_tests.integration.test_any_order import Death, KilledError, attempt
from pinterest_platform_tests.support.books import Place, batch_places, raw_places
from pinterest_platform_tests.support.pins import posted

FIRST_DAY = date(2026, 11, 16)
DAYS = [FIRST_DAY + timedelta(days=number) for number in range(3)]
PARTITIONS = 2
RECORDS = 5  # a post's
LANDED = Death.LANDED, Death.CLEANED  # where an attempt ends that has read all there was


@dataclass(frozen=True)
class Post:
    """Records of a day into a partition, whatever lies there already."""

    partition: int
    day: date


@dataclass(frozen=True)
class Expire:
    """Kafka deletes what the partition has, but for the last `kept` records."""

    partition: int
    kept: int


@dataclass(frozen=True)
class Attempt:
    """At a day's batch, up to where it is killed, or ends before it serves."""

    day: date
    death: Death


Event = Post | Expire | Attempt


@dataclass
class History:
    """What has happened to a topic: where each record was posted, and which of them must be in S3 for good."""

    settings: Settings
    posted: dict[Place, date] = field(default_factory=dict)
    in_kafka: set[Place] = field(default_factory=set)
    safe: set[Place] = field(default_factory=set)

    def post(self, event: Post) -> None:
        producer = KafkaProducer(bootstrap_servers=self.settings.kafka_bootstrap_servers)
        for number in range(RECORDS):
            value = posted(unique_id=str(uuid.uuid4()), event_id=str(uuid.uuid4())) if number else b"no pin"
            at = start_of(event.day) + number
            placed = producer.send(self.settings.kafka_topic, value, partition=event.partition, timestamp_ms=at).get(30)
            self.posted[placed.partition, placed.offset] = event.day
            self.in_kafka.add((placed.partition, placed.offset))
        producer.close()

    def expire(self, event: Expire) -> None:
        end = max((offset + 1 for partition, offset in self.posted if partition == event.partition), default=0)
        first = max(0, end - event.kept)
        admin = KafkaAdminClient(bootstrap_servers=self.settings.kafka_bootstrap_servers)
        admin.delete_records({TopicPartition(self.settings.kafka_topic, event.partition): first})
        admin.close()
        self.in_kafka = {place for place in self.in_kafka if place[0] != event.partition or place[1] >= first}

    def attempt(self, spark: SparkSession, event: Attempt) -> None:
        with suppress(KilledError):
            attempt(spark, self.settings, event.day, event.death)
        if event.death in LANDED:
            self.safe |= self.in_kafka


def any_event() -> st.SearchStrategy[Event]:
    days, partitions = st.sampled_from(DAYS), st.integers(0, PARTITIONS - 1)
    deaths = st.sampled_from([Death.LANDING, Death.LANDED, Death.CLEANING, Death.CLEANED])
    return (
        st.builds(Post, partitions, days)
        | st.builds(Expire, partitions, st.integers(0, RECORDS))
        | st.builds(Attempt, days, deaths)
    )


@hypothesis_settings(
    max_examples=2,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(events=st.lists(any_event(), min_size=6, max_size=10))
def test_what_a_landing_has_read_is_in_s3_for_good_whatever_happens_before_and_after(
    spark: SparkSession, stores: Settings, events: list[Event]
) -> None:
    name = f"t{uuid.uuid4().hex[:12]}"
    own = stores.model_copy(update={"kafka_topic": name, "s3_bucket": name, "kafka_partitions": PARTITIONS})
    create_topic(own)
    create_bucket(own)
    history = History(own)
    for event in [Post(0, DAYS[1]), *events]:
        match event:
            case Post():
                history.post(event)
            case Expire():
                history.expire(event)
            case Attempt():
                history.attempt(spark, event)
    for day in DAYS:
        history.attempt(spark, Attempt(day, Death.CLEANED))

    raw = raw_places(own)
    lost = {(one.partition, at) for one in losses(open_bucket(own)) for at in range(one.first, one.following)}
    assert history.posted.keys() == raw.keys() ^ lost
    assert history.safe | history.in_kafka <= raw.keys() <= history.posted.keys()
    assert raw == {place: history.posted[place] for place in raw}
    assert batch_places(own) == raw  # no two of these are versions of one pin
