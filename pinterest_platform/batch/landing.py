"""Landing: a day's Kafka records as raw objects in S3, unchanged and byte for byte repeatable.

Belongs here: which offsets a day needs, and bringing those into S3 that are not there. Whoever reads a record writes
it to the object of its own day and chunk: so a late one lands in its day, whichever day was asked for, and that day is
marked as grown.
Does not belong here: how objects are made (`raw_objects`), what has landed before (`landing_ledger`), what a record's
value means; a malformed one lands like any other.

Runs of the same or of other days may go on at the same time. An object only ever gains lines, and the ledger is
written after the objects: whatever is cut short, the next landing reads it again.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import groupby

from pinterest_platform.batch.grown_days import mark_grown
from pinterest_platform.batch.landing_ledger import (
    LedgerEntry,
    add_to_entry,
    covered,
    keep_to_topic,
    read_all,
    read_entry,
)
from pinterest_platform.batch.lost_records import refuse_lost_records, refuse_shorter_topic
from pinterest_platform.batch.offset_ranges import Range, without
from pinterest_platform.batch.raw_objects import (
    RawObject,
    add_lines,
    encode_record,
    landed_objects,
    object_key,
)
from pinterest_platform.pins.days import MILLISECONDS_A_DAY, day_of, end_of, start_of
from pinterest_platform.stores.kafka import MILLISECONDS_AN_HOUR, Topic
from pinterest_platform.stores.kafka_batches import Record
from pinterest_platform.stores.s3 import ObjectStore

CHUNK_OFFSETS = 10_000
# Records of a day may stand this long behind its end in the topic: producers' clocks and retries.
LATENESS_MS = MILLISECONDS_AN_HOUR
_A_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Landing:
    """What S3 holds of a day after landing, and what this landing has done for it.

    `read` records came from Kafka, with `value_bytes` bytes of values; `written` objects were made or rewritten, of
    whichever day; `grown` says how many records each day gained. Reading includes making the lines, writing
    includes compressing them.
    """

    day: date
    objects: tuple[RawObject, ...]
    read: int
    value_bytes: int
    written: int
    grown: Mapping[date, int]
    reading_seconds: float
    writing_seconds: float

    @property
    def records(self) -> int:
        """How many raw records the day has."""
        return sum(stored.records for stored in self.objects)

    @property
    def late(self) -> Mapping[date, int]:
        """How many records earlier days gained: they came after their day."""
        return {day: records for day, records in self.grown.items() if day < self.day}


@dataclass
class _Work:
    """What a landing of `day` has done so far."""

    day: date
    read: int = 0
    value_bytes: int = 0
    written: int = 0
    grown: dict[date, int] = field(default_factory=dict)
    reading_seconds: float = 0.0
    writing_seconds: float = 0.0

    def landing(self, objects: Iterable[RawObject]) -> Landing:
        """The outcome, where the day has these objects now."""
        return Landing(
            day=self.day,
            objects=tuple(objects),
            read=self.read,
            value_bytes=self.value_bytes,
            written=self.written,
            grown=self.grown,
            reading_seconds=self.reading_seconds,
            writing_seconds=self.writing_seconds,
        )


@dataclass(frozen=True)
class _Need:
    """What a day needs of the topic as it stands: ranges per partition, and the partitions that are past the day."""

    beginnings: Mapping[int, int]
    ends: Mapping[int, int]
    ranges: Mapping[int, Range]
    closed: frozenset[int]

    def entry(self) -> LedgerEntry:
        return LedgerEntry(
            {number: [found] for number, found in self.ranges.items() if found[0] < found[1]}, self.closed
        )

    def may_miss_records(self, neighbours: Sequence[LedgerEntry]) -> bool:
        """Whether Kafka may have deleted records of the day that S3 lacks, as far as the days beside it can tell.

        Either the first remaining record may be the day's, so that earlier ones may have been; or something is missing
        between where its landings, or those of the day before, began and the first remaining record.
        """
        return any(
            beginning and (beginning == self.ranges[number][0] or _has_gaps(number, beginning, neighbours))
            for number, beginning in self.beginnings.items()
        )


def land_day(topic: Topic, bucket: ObjectStore, day: date) -> Landing:
    """Bring every record of the day that Kafka has into S3.

    Raises:
        RecordsLostError: Kafka has deleted records that the day may need and S3 does not have, or was emptied.
        RecordsDeletedError: Kafka deleted records while they were read.
        TopicReplacedError: the bucket has the records of another topic.
        TopicUnavailableError: the broker is away.
    """
    keep_to_topic(bucket, topic)
    # Read before Kafka is asked: what others land meanwhile must not look like more than Kafka has.
    neighbours = [read_entry(bucket, near) for near in (day - _A_DAY, day, day + _A_DAY)]
    need = _need(topic, day)
    refuse_shorter_topic(topic.topic, need.ends, neighbours)
    if need.may_miss_records(neighbours):
        refuse_lost_records(topic.topic, day, need.beginnings, read_all(bucket), lambda *at: _day_at(topic, *at))
    work = _Work(day)
    for partition, whole in need.ranges.items():
        for missing in without([whole], covered(neighbours, partition)):
            _land_range(topic, bucket, partition, missing, work)
    add_to_entry(bucket, day, need.entry())
    return work.landing(landed_objects(bucket, day))


def ranges_of_day(topic: Topic, day: date) -> dict[int, Range]:
    """The offsets `[first, next)` per partition from the day's first record to an hour past its end."""
    starts, stops = topic.offsets_at(start_of(day)), topic.offsets_at(end_of(day) + LATENESS_MS)
    return {partition: (start, stops[partition]) for partition, start in starts.items()}


def _need(topic: Topic, day: date) -> _Need:
    # In this order: what comes or expires meanwhile makes the need smaller or the refusal stricter, never the reverse.
    ends, ranges, beginnings = topic.end_offsets(), ranges_of_day(topic, day), topic.beginning_offsets()
    return _Need(
        beginnings=beginnings,
        ends=ends,
        ranges={number: (max(first, beginnings[number]), stop) for number, (first, stop) in ranges.items()},
        closed=frozenset(number for number, (_, stop) in ranges.items() if stop < ends[number]),
    )


def _has_gaps(partition: int, beginning: int, neighbours: Sequence[LedgerEntry]) -> bool:
    begun = covered(neighbours[:2], partition)
    lowest = begun[0][0] if begun else 0
    return bool(without([(lowest, beginning)], covered(neighbours, partition)))


def _day_at(topic: Topic, partition: int, offset: int) -> date | None:
    """The day of the first record at or after the offset."""
    following = topic.read(partition, offset, topic.end_offsets()[partition])
    return next((day_of(record.timestamp) for record in following), None)


def _land_range(topic: Topic, bucket: ObjectStore, partition: int, missing: Range, work: _Work) -> None:
    records = topic.read(partition, *missing)
    for chunk_first, of_chunk in groupby(records, key=lambda record: record.offset - record.offset % CHUNK_OFFSETS):
        with _timed(work, "reading_seconds"):
            lines_by_day = _lines_by_day(of_chunk, work)
        with _timed(work, "writing_seconds"):
            for day, lines in lines_by_day.items():
                _add(bucket, object_key(day, topic.topic, partition, chunk_first), partition, day, lines, work)


def _lines_by_day(records: Iterable[Record], work: _Work) -> dict[date, dict[int, bytes]]:
    lines: dict[int, dict[int, bytes]] = {}
    for record in records:
        # A number for a day: the date itself, made for each record, is a tenth of the work.
        lines.setdefault(record.timestamp // MILLISECONDS_A_DAY, {})[record.offset] = encode_record(record)
        work.read += 1
        work.value_bytes += len(record.value or b"")
    return {day_of(number * MILLISECONDS_A_DAY): of_day for number, of_day in lines.items()}


def _add(bucket: ObjectStore, key: str, partition: int, day: date, lines: Mapping[int, bytes], work: _Work) -> None:
    def ask_for_day() -> None:
        if day != work.day:
            mark_grown(bucket, day)

    gained = add_lines(bucket, key, partition, lines, before_write=ask_for_day)
    if gained:
        ask_for_day()
        work.written += 1
        work.grown[day] = work.grown.get(day, 0) + gained


@contextmanager
def _timed(work: _Work, phase: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    setattr(work, phase, getattr(work, phase) + time.monotonic() - started)
