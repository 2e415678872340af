"""Landing: copies Kafka's records to raw objects in S3, unchanged. A rerun writes the same bytes.

It reads every offset that the ledger lacks, whichever day was requested, and writes each record to the object of its
own day and chunk. Malformed records land like all others.

Landings may run concurrently, since an object only gains lines. Each writes in this order: raw objects, a rerun request
per day with new records, the ledger. A landing that is killed in between is repeated by the next one, which reads the
same offsets and requests the same days.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Set
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date

from pinterest_platform.landing.ledger import Ledger, extend_ledger, read_ledger
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
from pinterest_platform.landing.topic_identity import keep_to_topic
from pinterest_platform.pins.calendar import MISDATED_DAY, PlausibleTimes, day_of
from pinterest_platform.stores.kafka import READING_ERRORS, RecordsDeletedError, Topic
from pinterest_platform.stores.s3 import ObjectStore

# Rerun requests and the ledger are written after this many records, so a killed landing loses no more work.
RECORDS_AT_A_TIME = 50_000
# A loss that may affect more days than this requests none; the check shows it when they run next.
_MOST_DAYS_REQUESTED = 31


@dataclass(frozen=True)
class Landing:
    """What S3 has of a day after a landing, and what the landing did.

    `read` is the number of records of all days read from Kafka, `value_bytes` the bytes of their values. `written`
    objects were created or rewritten. `grown` is how many records each day gained. `losses` were found for the first
    time. `reading_seconds` include encoding the lines, `writing_seconds` compressing them.
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
        """Raw records of the day."""
        return sum(stored.records for stored in self.objects)

    @property
    def late(self) -> Mapping[date, int]:
        """Records that earlier days gained, by day: late data."""
        return {day: records for day, records in self.grown.items() if MISDATED_DAY != day < self.day}


@dataclass
class Work:
    """The totals of a landing in progress."""

    read: int = 0
    value_bytes: int = 0
    written: int = 0
    grown: dict[date, int] = field(default_factory=dict)
    losses: list[Loss] = field(default_factory=list)
    reading_seconds: float = 0.0
    writing_seconds: float = 0.0

    def landing(self, day: date, objects: Iterable[RawObject]) -> Landing:
        """The result for a day that now has these objects."""
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
    """Run `land`; returns its totals with the raw objects that S3 then has of the day. Raises what `land` raises."""
    return land(topic, bucket, times).landing(day, landed_objects(bucket, day))


def land(topic: Topic, bucket: ObjectStore, times: PlausibleTimes) -> Work:
    """Copy every record that Kafka has and the ledger lacks to S3, of all days.

    A partition that cannot be read does not hold up the others: its error is raised when they have landed.

    Raises:
        TopicCutError: Kafka ends before what has been landed.
        TopicReplacedError: the bucket has the records of another topic.
        TopicUnavailableError: Kafka is unavailable, or one of its partitions.
        CorruptRecordError: a batch is not what its checksum says.
    """
    topic = keep_to_topic(bucket, topic)
    # Read before Kafka's offsets. Otherwise a concurrent landing could make the topic look shorter than the ledger.
    ledger = read_ledger(bucket)
    # Ends before beginnings: records that arrive or expire in between only shrink the range, and leave no unseen gap.
    ends, beginnings = topic.end_offsets(), topic.beginning_offsets()
    refuse_shorter_topic(topic.topic, ends, ledger)
    landing = _Landing(topic, bucket, times, ledger)
    errors = []
    for partition, beginning in beginnings.items():
        try:
            landing.land_partition(partition, beginning, max(ends.get(partition, 0), beginning))
        except READING_ERRORS as error:
            errors.append(error)
    landing.save()
    if errors:
        raise errors[0]
    return landing.work


@dataclass
class _Landing:
    """A landing in progress.

    `_unsaved_ledger` has the offsets that are written but not in the stored ledger yet. `_met` are their days.
    """

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
        """Land the offsets up to `end` that the ledger lacks."""
        known = self.ledger.of(partition)
        self._cover(partition, 0, 0, None)  # the ledger knows the partition, even if it is empty
        for first, following in without([(0, beginning)], known):
            self._tell_losses(partition, first, following, end)
        for first, following in without([(beginning, end)], known):
            self._land_range(partition, first, following)

    def save(self) -> None:
        """Put the rerun requests, then extend the ledger."""
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
        """Record which of the offsets that Kafka has deleted are not in S3 either."""
        # In ledgers of earlier versions, a partition without landed records has no entry.
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
        """The offsets of `[first, following)` that S3 has although the ledger lacks them. Their days count as met."""
        held: set[int] = set()
        for day, key in keys_of_chunks(self.bucket, partition, first - CHUNK_OFFSETS, following):
            if found := {offset for offset in stored_offsets(self.bucket, key) if first <= offset < following}:
                held |= found
                self._met.add(day)
        return held

    def _day_behind(self, partition: int, offset: int, end: int) -> date | None:
        """The day of the first record after the offset, if any. Records before it are rarely of a later day."""
        if any(first == offset for first, _ in self.ledger.of(partition)):
            return self.ledger.day_at(partition, offset)
        with suppress(RecordsDeletedError):
            for record in self.topic.read(partition, offset, end):
                day = self.times.slice_of(record.timestamp)
                return None if day == MISDATED_DAY else day
        return None

    def _misdated_in(self, partition: int, first: int, following: int) -> Set[int]:
        """The offsets of `[first, following)` that were landed as misdated."""
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
