"""Landing: Kafka's records as raw objects in S3, unchanged and byte for byte repeatable.

Belongs here: bringing what the ledger does not have into S3, partition by partition and offset by offset. A record is
written to the object of its own day and chunk, whichever day was asked for; no record's time decides what else is read.
Does not belong here: how objects are made (`raw_objects`) and how much is held in memory (`landing_pieces`), what has
landed before (`landing_ledger`), what a record's value means; a malformed one lands like any other.

Runs of the same or of other days may go on at the same time. An object only ever gains lines. Of everything that a
landing reads, the objects are written first, then a mark for each day that it met (`days_to_rerun`), and only then the
ledger: whatever is cut short, the next landing reads it again, and marks the same days.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Set
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date

from pinterest_platform.landing.ledger import Ledger, extend_ledger, keep_to_topic, read_ledger
from pinterest_platform.landing.losses import Loss, record_loss, refuse_shorter_topic
from pinterest_platform.landing.offset_ranges import without
from pinterest_platform.landing.pieces import CHUNK_OFFSETS, Piece, pieces
from pinterest_platform.landing.raw_objects import (
    RawObject,
    add_lines,
    chunk_of,
    day_prefix,
    keys_of_chunks,
    landed_objects,
    object_key,
    stored_offsets,
)
from pinterest_platform.landing.rerun_requests import request_reruns
from pinterest_platform.pins.calendar import MISDATED_DAY, PlausibleTimes, day_of
from pinterest_platform.stores.kafka import RecordsDeletedError, Topic
from pinterest_platform.stores.s3 import ObjectStore

# After so many records marks and ledger are written: a landing that is killed has lost no more.
RECORDS_AT_A_TIME = 50_000
# A loss that may have met more days than these is shown when they are next run.
_MOST_DAYS_REQUESTED = 31


@dataclass(frozen=True)
class Landing:
    """What S3 holds of a day after landing, and what this landing has done.

    `read` records of all days came from Kafka, with `value_bytes` bytes of values; `written` objects were made or
    rewritten; `grown` says how many records each day gained; `losses` were met for the first time. Reading includes
    making the lines, writing includes compressing them.
    """

    day: date
    objects: tuple[RawObject, ...]
    read: int
    value_bytes: int
    written: int
    grown: Mapping[date, int]
    losses: tuple[Loss, ...]
    reading_seconds: float
    writing_seconds: float

    @property
    def records(self) -> int:
        """How many raw records the day has."""
        return sum(stored.records for stored in self.objects)

    @property
    def late(self) -> Mapping[date, int]:
        """How many records earlier days gained: they came after their day."""
        return {day: records for day, records in self.grown.items() if MISDATED_DAY != day < self.day}


@dataclass
class Work:
    """What a landing has done so far."""

    read: int = 0
    value_bytes: int = 0
    written: int = 0
    grown: dict[date, int] = field(default_factory=dict)
    losses: list[Loss] = field(default_factory=list)
    reading_seconds: float = 0.0
    writing_seconds: float = 0.0

    def landing(self, day: date, objects: Iterable[RawObject]) -> Landing:
        """The outcome for a day that has these objects now."""
        return Landing(
            day=day,
            objects=tuple(objects),
            read=self.read,
            value_bytes=self.value_bytes,
            written=self.written,
            grown=self.grown,
            losses=tuple(self.losses),
            reading_seconds=self.reading_seconds,
            writing_seconds=self.writing_seconds,
        )


def land_day(topic: Topic, bucket: ObjectStore, day: date, times: PlausibleTimes) -> Landing:
    """`land`, and what S3 then has of the day.

    Raises:
        what `land` raises.
    """
    return land(topic, bucket, times).landing(day, landed_objects(bucket, day))


def land(topic: Topic, bucket: ObjectStore, times: PlausibleTimes) -> Work:
    """Bring every record that Kafka has and the ledger does not have into S3, of whichever day.

    Raises:
        TopicCutError: Kafka ends before what has been landed.
        TopicReplacedError: the bucket has the records of another topic.
        TopicUnavailableError: the broker is away.
    """
    keep_to_topic(bucket, topic)
    # Read before Kafka is asked: what others land meanwhile must not look like more than Kafka has.
    ledger = read_ledger(bucket)
    # In this order: what comes or expires meanwhile makes less to be read, never a gap that is not told.
    ends, beginnings = topic.end_offsets(), topic.beginning_offsets()
    refuse_shorter_topic(topic.topic, ends, ledger)
    landing = _Landing(topic, bucket, times, ledger)
    for partition, beginning in beginnings.items():
        landing.land_partition(partition, beginning, max(ends.get(partition, 0), beginning))
    landing.save()
    return landing.work


@dataclass
class _Landing:
    """A landing under way. `_unsaved_ledger` is written and not in the ledger yet, `_met` the days of it."""

    topic: Topic
    bucket: ObjectStore
    times: PlausibleTimes
    ledger: Ledger
    work: Work = field(default_factory=Work)
    _unsaved_ledger: Ledger = field(default_factory=Ledger)
    _met: set[date] = field(default_factory=set)
    _unsaved: int = 0
    _misdated: list[str] | None = None

    def land_partition(self, partition: int, beginning: int, end: int) -> None:
        """Land what is missing of the partition's offsets up to `end`."""
        known = self.ledger.of(partition)
        self._cover(partition, 0, 0, None)  # it has been looked at, whatever is in it
        for first, following in without([(0, beginning)], known):
            self._tell_losses(partition, first, following, end)
        for first, following in without([(beginning, end)], known):
            self._land_range(partition, first, following)

    def save(self) -> None:
        """Ask for the days that were met, then let the ledger say what has been read."""
        request_reruns(self.bucket, self._met)
        known = self.ledger.joined_with(self._unsaved_ledger)
        if known != self.ledger:
            extend_ledger(self.bucket, self._unsaved_ledger)
        self.ledger, self._unsaved_ledger, self._met, self._unsaved = known, Ledger(), set(), 0

    def _land_range(self, partition: int, first: int, stop: int) -> None:
        while first < stop:
            try:
                for piece in self._pieces(partition, first, stop):
                    self._write(partition, piece)
                    first = piece.following
            except RecordsDeletedError:
                beginning = self.topic.beginning_offsets()[partition]
                if beginning <= first:
                    raise
                self._tell_losses(partition, first, beginning, stop)
                first = beginning

    def _pieces(self, partition: int, first: int, stop: int) -> Iterator[Piece]:
        records = self.topic.read(partition, first, stop)
        found = pieces(records, first, stop, self.times, lambda *chunk: self._misdated_in(partition, *chunk))
        while True:
            with _timed(self.work, "reading_seconds"):
                piece = next(found, None)
            if piece is None:
                return
            yield piece

    def _write(self, partition: int, piece: Piece) -> None:
        with _timed(self.work, "writing_seconds"):
            for (day, chunk_first, finer_grid), lines in piece.lines.items():
                key = object_key(day, self.topic.topic, partition, chunk_first, finer_grid)
                if gained := add_lines(self.bucket, key, partition, lines):
                    self.work.written += 1
                    self.work.grown[day] = self.work.grown.get(day, 0) + gained
                self._met.add(day)
        self.work.read += piece.records
        self.work.value_bytes += piece.value_bytes
        self._cover(partition, piece.first, piece.following, piece.last_day)
        self._unsaved += piece.records
        if self._unsaved >= RECORDS_AT_A_TIME:
            self.save()

    def _cover(self, partition: int, first: int, following: int, last_day: date | None) -> None:
        last_day = last_day or self._day_at(partition, first)
        days = {partition: {following: last_day}} if last_day else {}
        self._unsaved_ledger = self._unsaved_ledger.joined_with(Ledger({partition: [(first, following)]}, days))

    def _day_at(self, partition: int, offset: int) -> date | None:
        return self._unsaved_ledger.day_at(partition, offset) or self.ledger.day_at(partition, offset)

    def _tell_losses(self, partition: int, first: int, following: int, end: int) -> None:
        """Tell what is lost of offsets that Kafka has deleted and the ledger does not have."""
        # Before there was one ledger, a partition of which nothing was landed had no entry.
        was_empty = partition in self.ledger.ranges and not self.ledger.of(partition)
        is_before_all = first == 0 and not was_empty
        first_day = self._day_at(partition, first)
        last_day = self._day_behind(partition, following, end) or (None if is_before_all else day_of(self.times.last))
        if first_day and last_day:
            last_day = max(first_day, last_day)
        held = self._left_by_killed_landings(partition, first, following)
        for lost in without([(first, following)], [(offset, offset + 1) for offset in held]):
            loss = Loss(self.topic.topic, partition, *lost, first_day, last_day, is_before_all)
            record_loss(self.bucket, loss)
            self.work.losses.append(loss)
            self._met |= loss.days(_MOST_DAYS_REQUESTED)
        self._cover(partition, first, following, last_day)

    def _left_by_killed_landings(self, partition: int, first: int, following: int) -> set[int]:
        """The offsets of `[first, following)` that S3 has although the ledger does not say so; their days are met."""
        held: set[int] = set()
        for day, key in keys_of_chunks(self.bucket, partition, first - CHUNK_OFFSETS, following):
            if found := {offset for offset in stored_offsets(self.bucket, key) if first <= offset < following}:
                held |= found
                self._met.add(day)
        return held

    def _day_behind(self, partition: int, offset: int, end: int) -> date | None:
        """The day of what lies behind the offset, if anything does: records before it are hardly of a later one."""
        if any(first == offset for first, _ in self.ledger.of(partition)):
            return self.ledger.day_at(partition, offset)
        with suppress(RecordsDeletedError):
            for record in self.topic.read(partition, offset, end):
                day = self.times.slice_of(record.timestamp)
                return None if day == MISDATED_DAY else day
        return None

    def _misdated_in(self, partition: int, first: int, following: int) -> Set[int]:
        """The offsets of `[first, following)` that have landed as misdated."""
        if self._misdated is None:
            self._misdated = [stored.key for stored in self.bucket.list(day_prefix(MISDATED_DAY))]
        chunks = [(key, *chunk_of(key)) for key in self._misdated]
        keys = [key for key, number, start in chunks if number == partition and first <= start < following]
        return {offset for key in keys for offset in stored_offsets(self.bucket, key)}


@contextmanager
def _timed(work: Work, phase: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    setattr(work, phase, getattr(work, phase) + time.monotonic() - started)
