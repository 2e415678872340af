"""The account of a day: how many of its records each store has, and whether the numbers add up.

Belongs here: counting, and the sentences that must hold. Every number comes from the store itself, not from what a run
said it wrote. Does not belong here: what to do about a difference.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import date
from typing import Any

from pinterest_platform.batch.landing import chunks_of_day, landed_objects
from pinterest_platform.batch.serving import count_rows as count_cassandra_rows
from pinterest_platform.batch.slice_files import clean_files, quarantine_files, read_account
from pinterest_platform.pins.days import day_of
from pinterest_platform.settings import Settings
from pinterest_platform.stores.cassandra import open_session
from pinterest_platform.stores.kafka import open_topic
from pinterest_platform.stores.parquet import count_rows as count_parquet_rows
from pinterest_platform.stores.postgres import connect
from pinterest_platform.stores.s3 import open_bucket

_STREAM_COUNTS = """
    SELECT (SELECT count(*) FROM pinterest_stream WHERE ingest_date = %(day)s),
           (SELECT count(*) FROM stream_rejects WHERE ingest_date = %(day)s),
           (SELECT count(*) FROM stream_duplicates WHERE ingest_date = %(day)s)"""


@dataclass(frozen=True)
class DayAccount:
    """How many records or rows of a day each store has."""

    day: date
    kafka: int
    raw: int
    clean: int
    quarantined: int
    superseded: int
    cassandra: int
    stream: int
    stream_rejects: int
    stream_duplicates: int

    def differences(self) -> list[str]:
        """What does not add up, in words; empty where all is well."""
        kept = self.clean + self.quarantined + self.superseded
        streamed = self.stream + self.stream_rejects + self.stream_duplicates
        sides = {
            "Kafka records and raw lines": (self.kafka, self.raw),
            "raw lines and clean + quarantined + superseded": (self.raw, kept),
            "clean rows and Cassandra rows": (self.clean, self.cassandra),
            "Kafka records and stream rows + rejects + duplicates": (self.kafka, streamed),
        }
        return [f"{names} differ: {left} and {right}." for names, (left, right) in sides.items() if left != right]


def account_for(settings: Settings, day: date) -> DayAccount:
    """Ask every store for the day.

    Raises:
        TopicUnavailableError: the broker is away. Errors of the other stores pass through.
    """
    kafka, raw = _count_landing(settings, day)
    bucket = open_bucket(settings)
    slice_account = read_account(bucket, day)
    stream, rejects, duplicates = _count_stream(settings, day)
    return DayAccount(
        day=day,
        kafka=kafka,
        raw=raw,
        clean=count_parquet_rows(settings, clean_files(bucket, day)),
        quarantined=count_parquet_rows(settings, quarantine_files(bucket, day)),
        superseded=slice_account.superseded if slice_account else 0,
        cassandra=_count_cassandra(settings, day),
        stream=stream,
        stream_rejects=rejects,
        stream_duplicates=duplicates,
    )


def _count_landing(settings: Settings, day: date) -> tuple[int, int]:
    """The day's records in Kafka, and its raw lines in S3."""
    with open_topic(settings) as topic:
        beginnings, ends = topic.beginning_offsets(), topic.end_offsets()
        in_kafka = 0
        for chunk in chunks_of_day(topic, day):
            start, stop = max(chunk.first, beginnings[chunk.partition]), min(chunk.next, ends[chunk.partition])
            in_kafka += sum(day_of(record.timestamp) == day for record in topic.read(chunk.partition, start, stop))
    return in_kafka, sum(stored.records for stored in landed_objects(open_bucket(settings), day))


def _count_cassandra(settings: Settings, day: date) -> int:
    with open_session(settings) as session:
        session.set_keyspace(settings.cassandra_keyspace)
        return sum(count_cassandra_rows(session, day).values())


def _count_stream(settings: Settings, day: date) -> tuple[int, int, int]:
    with closing(connect(settings)) as connection:
        row: Any = connection.execute(_STREAM_COUNTS, {"day": day}).fetchone()
    stream, rejects, duplicates = row
    return stream, rejects, duplicates
