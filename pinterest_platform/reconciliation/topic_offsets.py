"""The Kafka offsets of a day, read from Kafka itself.

It reads the day's range by Kafka's time index, every chunk in which S3 has records of the day, and offsets that landing
has skipped. Chunks are read only up to the last landing; later records are left for the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import islice

import numpy as np

from pinterest_platform.landing.ledger import Ledger, read_ledger
from pinterest_platform.landing.losses import losses
from pinterest_platform.landing.offset_ranges import Range, joined, without
from pinterest_platform.landing.pieces import CHUNK_OFFSETS
from pinterest_platform.landing.raw_objects import EVENTS, chunk_of, day_prefix, stored_offsets
from pinterest_platform.pins.calendar import (
    LATENESS_MS,
    MILLISECONDS_A_DAY,
    MISDATED_DAY,
    PlausibleTimes,
    end_of,
    start_of,
)
from pinterest_platform.reconciliation.offset_sets import Offsets, OffsetSet, offset_set
from pinterest_platform.stores.kafka import Topic
from pinterest_platform.stores.s3 import ObjectStore

_BLOCK = 10_000
_ALL = 2**63 - 1
_Coordinates = tuple[Offsets, Offsets]


@dataclass(frozen=True)
class _Found:
    """The result of reading Kafka for a day.

    `lacking` are the day's records that S3 does not have under this day. Of the records that S3 has under it,
    `confirmed` are of the day in Kafka too, and `there` still exist in Kafka.
    """

    lacking: OffsetSet
    confirmed: OffsetSet
    there: OffsetSet


def kafka(
    topic: Topic,
    bucket: ObjectStore,
    day: date,
    raw: OffsetSet,
    times: PlausibleTimes,
    is_compacted: Callable[[], bool] = lambda: False,
) -> OffsetSet:
    """The day's records in Kafka, and those of `raw` that Kafka has deleted or compacted away.

    Landing has decided which records are misdated. So a record belongs where S3 has it.
    """
    beginnings, ends = topic.beginning_offsets(), topic.end_offsets()
    found = _find(topic, _ranges(topic, bucket, day, raw, beginnings, ends), day, raw, times)
    gone = dict.fromkeys(raw.by_partition.keys() - ends.keys(), _ALL)  # partitions of earlier epochs
    deleted = raw.below(gone | dict(beginnings))
    missing = raw.below(ends) - deleted - found.there
    compacted = missing if len(missing) and is_compacted() else OffsetSet({})
    lacking = found.lacking
    if len(lacking):
        lacking = lacking - landed_elsewhere(bucket, day, lacking)
    return lacking | found.confirmed | deleted | compacted


def landed_elsewhere(bucket: ObjectStore, day: date, offsets: OffsetSet) -> OffsetSet:
    """The offsets that landed as misdated; for the misdated day, those that landed under another day."""
    chunks = {number: set((found // CHUNK_OFFSETS).tolist()) for number, found in offsets.by_partition.items()}
    keys = (
        (number, stored.key)
        for stored in bucket.list(EVENTS if day == MISDATED_DAY else day_prefix(MISDATED_DAY))
        for number, chunk_first in [chunk_of(stored.key)]
        if chunk_first // CHUNK_OFFSETS in chunks.get(number, ()) and not stored.key.startswith(day_prefix(day))
    )
    landed = ((number, np.array(stored_offsets(bucket, key), dtype=np.int64)) for number, key in keys)
    return offsets & offset_set((np.full(len(found), number), found) for number, found in landed)


def lost(bucket: ObjectStore, offsets: OffsetSet) -> OffsetSet:
    """The offsets that were gone from Kafka before they could be landed."""
    known = (
        (loss, found[(loss.first <= found) & (found < loss.following)])
        for loss in losses(bucket)
        if (found := offsets.by_partition.get(loss.partition)) is not None
    )
    return offset_set((np.full(len(found), loss.partition), found) for loss, found in known)


def _ranges(
    topic: Topic,
    bucket: ObjectStore,
    day: date,
    raw: OffsetSet,
    beginnings: Mapping[int, int],
    ends: Mapping[int, int],
) -> dict[int, list[Range]]:
    """The offset ranges to read of each partition. The time index cannot find the records of the misdated day."""
    ledger = read_ledger(bucket)
    by_time = {} if day == MISDATED_DAY else _ranges_by_time(topic, day)
    wanted = {
        number: [by_time.get(number, (0, 0)), *_of_raw(raw, number, ledger), *_passed_over(ledger, number)]
        for number in ends
    }
    return {
        number: joined((max(first, beginnings.get(number, 0)), min(following, ends[number])) for first, following in of)
        for number, of in wanted.items()
    }


def _ranges_by_time(topic: Topic, day: date) -> dict[int, Range]:
    """The offsets `[first, next)` per partition from the day's first record to an hour past its end.

    The range is approximate: a record whose timestamp is ahead of its neighbours' hides them from the time index.
    """
    starts, stops = topic.offsets_at(start_of(day)), topic.offsets_at(end_of(day) + LATENESS_MS)
    return {partition: (start, stops[partition]) for partition, start in starts.items()}


def _of_raw(raw: OffsetSet, partition: int, ledger: Ledger) -> Iterator[Range]:
    """The chunks in which S3 has records, up to the end of the last landing."""
    offsets, landed = raw.by_partition.get(partition), ledger.of(partition)
    if offsets is None or not len(offsets):
        return
    end = max(int(offsets[-1]) + 1, landed[-1][1] if landed else 0)
    for chunk in np.unique(offsets // CHUNK_OFFSETS).tolist():
        yield chunk * CHUNK_OFFSETS, min((chunk + 1) * CHUNK_OFFSETS, end)


def _passed_over(ledger: Ledger, partition: int) -> list[Range]:
    """Offsets below the last landed one that no landing has read."""
    landed = ledger.of(partition)
    return without([(0, landed[-1][1])], landed) if landed else []


def _find(
    topic: Topic, ranges: Mapping[int, Iterable[Range]], day: date, raw: OffsetSet, times: PlausibleTimes
) -> _Found:
    lacking: list[_Coordinates] = []
    confirmed: list[_Coordinates] = []
    there: list[_Coordinates] = []
    number_of_day = start_of(day) // MILLISECONDS_A_DAY
    for partition, offsets, timestamps in _blocks(topic, ranges):
        in_raw, plausible = raw.has(partition, offsets), (timestamps >= times.first) & (timestamps <= times.last)
        of_day = plausible & (timestamps // MILLISECONDS_A_DAY == number_of_day)
        if day == MISDATED_DAY:
            is_here, may_be_here = ~plausible, np.ones_like(plausible)
        else:
            is_here, may_be_here = of_day, timestamps // MILLISECONDS_A_DAY == number_of_day
        for chosen, found in ((is_here & ~in_raw, lacking), (may_be_here & in_raw, confirmed), (in_raw, there)):
            found.append((np.full(np.count_nonzero(chosen), partition), offsets[chosen]))
    return _Found(offset_set(lacking), offset_set(confirmed), offset_set(there))


def _blocks(topic: Topic, ranges: Mapping[int, Iterable[Range]]) -> Iterator[tuple[int, Offsets, Offsets]]:
    """Partition, offsets and timestamps of the records, block by block."""
    for partition, of_partition in ranges.items():
        for first, following in of_partition:
            records = topic.read(partition, first, following)
            while block := [(record.offset, record.timestamp) for record in islice(records, _BLOCK)]:
                offsets, timestamps = np.array(block, dtype=np.int64).T
                yield partition, offsets, timestamps
