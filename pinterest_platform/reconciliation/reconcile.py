"""Reconciles a day: which of its Kafka offsets each store has, and what is missing where.

Every store is read again, so nothing relies on what a run reported.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from pinterest_platform.clean_slices.manifest import CleaningCounts, read_manifest
from pinterest_platform.landing.ledger import read_ledger
from pinterest_platform.landing.topic_identity import keep_to_topic
from pinterest_platform.pins.calendar import PlausibleTimes, is_closed, milliseconds_of
from pinterest_platform.reconciliation import day_offsets, event_ids, topic_offsets
from pinterest_platform.reconciliation.offset_sets import OffsetSet, in_words
from pinterest_platform.reconciliation.superseded import Versions
from pinterest_platform.settings import Settings
from pinterest_platform.stores.cassandra import open_session
from pinterest_platform.stores.kafka import Topic, is_compacted, open_topic
from pinterest_platform.stores.postgres import Connection, connect
from pinterest_platform.stores.s3 import ObjectStore, open_bucket
from pinterest_platform.stream.progress import first_offsets

_COMPACTED = "landings/compacted"  # an empty object


class NotMaterialisedError(Exception):
    """The day was never cleaned, so there is nothing to reconcile."""


@dataclass(frozen=True)
class StreamOffsets:
    """The day's records in the stream: rows, rejects and duplicates.

    `lacking` are records after the stream's start and below its progress that it does not have. `surplus` are records
    that it has and Kafka does not. A record that only one layer found to be misdated is in neither set, since each
    layer judges the timestamp when it reads.
    """

    rows: OffsetSet
    rejects: OffsetSet
    duplicates: OffsetSet
    lacking: OffsetSet
    surplus: OffsetSet


@dataclass(frozen=True)
class DayReconciliation:
    """The records of a day in each store.

    `repeated` are events that an earlier record has already, on that day or in the seven days before. `unexplained` are
    raw records that are neither clean, quarantined, repeated nor superseded. `refused` are clean pins that Cassandra
    refused. `newer` counts records that arrived after the cleaning had read; only an open day has any.
    """

    day: date
    kafka: OffsetSet
    raw: OffsetSet
    clean: OffsetSet
    quarantined: OffsetSet
    superseded: OffsetSet
    repeated: OffsetSet
    unexplained: OffsetSet
    cassandra: OffsetSet
    refused: OffsetSet
    stream: StreamOffsets | None
    newer: int

    def differences(self) -> list[str]:
        """What does not add up: store, partition, first offsets and count. Empty if everything does."""
        return [f"{sentence} {in_words(offsets)}." for sentence, offsets in self._sides() if len(offsets)]

    @property
    def lost_in_s3(self) -> OffsetSet:
        """Records that Kafka has and the raw objects lack."""
        return self.kafka - self.raw

    def _sides(self) -> Iterator[tuple[str, OffsetSet]]:
        day = self.day
        yield f"S3 lacks raw lines of {day} that Kafka has:", self.lost_in_s3
        yield f"S3 has raw lines of {day} that Kafka does not have (was the topic recreated?):", self.raw - self.kafka
        yield f"Raw records of {day} are neither clean, quarantined, superseded nor repeated:", self.unexplained
        yield f"clean_pins has rows of {day} without a raw record:", self.clean - self.raw
        yield f"quarantined_pins has rows of {day} without a raw record:", self.quarantined - self.raw
        yield f"Records of {day} are clean and quarantined at once:", self.clean & self.quarantined
        yield f"Cassandra lacks rows of {day} that clean_pins has:", self.clean - self.cassandra - self.refused
        yield f"Cassandra has rows of {day} that clean_pins does not have:", self.cassandra - self.clean
        if self.stream:
            yield f"PostgreSQL lacks records of {day} that the stream has passed:", self.stream.lacking
            yield f"PostgreSQL has records of {day} that Kafka does not have:", self.stream.surplus


@dataclass(frozen=True)
class Stores:
    """Open connections to all stores. Connecting for each day would cost more than reconciling a small day."""

    settings: Settings
    bucket: ObjectStore
    topic: Topic
    cassandra: Any
    postgres: Connection


@contextmanager
def open_stores(settings: Settings) -> Iterator[Stores]:
    """Open all stores, and close them at the end.

    Raises:
        TopicUnavailableError: Kafka is unavailable.
        TopicReplacedError: the bucket has the records of another topic.
        CassandraUnavailableError: Cassandra is unavailable. Errors of other stores pass through.
    """
    with (
        open_topic(settings) as topic,
        open_session(settings) as cassandra,
        closing(connect(settings, autocommit=True)) as postgres,
    ):
        cassandra.set_keyspace(settings.cassandra_keyspace)
        bucket = open_bucket(settings)
        yield Stores(settings, bucket, keep_to_topic(bucket, topic), cassandra, postgres)


def reconcile(stores: Stores, day: date, now: datetime | None = None) -> DayReconciliation:
    """Read the day from every store and compare.

    For an open day, records that arrived after the cleaning are left out, since more arrive at any moment. For a closed
    day every record must be there. Records that Kafka has deleted are taken from the raw objects.

    Raises:
        NotMaterialisedError: the day was never cleaned.
    """
    bucket, now = stores.bucket, now or datetime.now(UTC)
    outcome = read_manifest(bucket, day)
    if outcome is None:
        raise NotMaterialisedError(f"{day} was never cleaned: materialise clean_pins of that day first.")
    # Read first. Otherwise records that land meanwhile could seem to be missing in Kafka.
    landed = read_ledger(bucket).ends()
    clean = day_offsets.clean(stores.settings, bucket, day)
    quarantined = day_offsets.quarantined(stores.settings, bucket, day)
    raw, candidates = day_offsets.raw(bucket, day, clean | quarantined)
    everything = kafka = _kafka(stores, day, raw, now)
    if not is_closed(day, now):
        landed = outcome.next_offsets
        kafka, raw = kafka.below(landed), raw.below(landed)
    neither = raw - clean - quarantined
    superseded, repeated = _older_records(stores, day, neither, candidates, outcome)
    return DayReconciliation(
        day=day,
        kafka=kafka,
        raw=raw,
        clean=clean,
        quarantined=quarantined,
        superseded=superseded,
        repeated=repeated,
        unexplained=neither - superseded - repeated,
        cassandra=day_offsets.cassandra(stores.cassandra, day),
        refused=day_offsets.refused(stores.cassandra, day),
        stream=_stream(stores, day, kafka, landed),
        newer=len(everything) - len(kafka),
    )


def _kafka(stores: Stores, day: date, raw: OffsetSet, now: datetime) -> OffsetSet:
    settings = stores.settings
    times = PlausibleTimes.until(milliseconds_of(now), settings.first_day)
    return topic_offsets.kafka(stores.topic, stores.bucket, day, raw, times, lambda: _was_compacted(stores))


def _was_compacted(stores: Stores) -> bool:
    """Whether the topic is compacted, or was when records were missing before: what is gone stays gone."""
    if is_compacted(stores.settings):
        stores.bucket.create(_COMPACTED, b"", {})
        return True
    return stores.bucket.describe(_COMPACTED) is not None


def _older_records(
    stores: Stores, day: date, neither: OffsetSet, candidates: Versions, outcome: CleaningCounts
) -> tuple[OffsetSet, OffsetSet]:
    """The superseded and the repeated among raw records that are neither clean nor quarantined."""
    superseded = day_offsets.superseded(stores.settings, stores.bucket, day, candidates) & neither
    if not outcome.repeated and not len(neither - superseded):
        return superseded, OffsetSet({})
    repeated = event_ids.repeated(stores.settings, stores.bucket, day, neither)
    return superseded - repeated, repeated


def _stream(stores: Stores, day: date, kafka: OffsetSet, landed: Mapping[int, int]) -> StreamOffsets | None:
    """None if the stream has never run, or no longer keeps the day.

    Records of the stream that have not landed yet are left out, since they could seem to be missing in Kafka.
    """
    connection, topic = stores.postgres, stores.settings.kafka_topic
    progress = day_offsets.stream_progress(connection, topic, day)
    if progress is None:
        return None
    tables = ("pinterest_stream", "stream_rejects", "stream_duplicates")
    rows, rejects, duplicates = (day_offsets.streamed(connection, table, day) for table in tables)
    streamed, began = rows | rejects | duplicates, first_offsets(connection, topic)
    lacking, surplus = kafka.below(progress) - kafka.below(began) - streamed, streamed.below(landed) - kafka
    if len(lacking):
        lacking = lacking - day_offsets.streamed_elsewhere(connection, day, lacking)
    if len(surplus):
        surplus = surplus - topic_offsets.landed_elsewhere(stores.bucket, day, surplus)
        surplus = surplus - topic_offsets.lost(stores.bucket, surplus)  # a check of its own tells them
    return StreamOffsets(rows.below(landed), rejects.below(landed), duplicates.below(landed), lacking, surplus)
