"""Which Kafka offsets of a day the topic has, asked of Kafka itself.

Belongs here: what of the topic is read for that, and which slice a record belongs to where landing may have decided
otherwise. Does not belong here: comparing (`reconciliation.reconcile`).

Read are the day as Kafka's index of times tells it, every chunk in which S3 has a record of the day, and offsets that
landings have passed over. What has come since the last landing is left for the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import islice

import numpy as np

from pinterest_platform.landing.ledger import Ledger, read_ledger
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
_Coordinates = tuple[Offsets, Offsets]


@dataclass(frozen=True)
class _Found:
    """What reading has found of a day.

    `lacking` are the day's records that S3 does not have under it. Of those that it has, `confirmed` are the day's in
    Kafka too, and `there` are in Kafka at all.
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
    """The day's records in Kafka, and those of `raw` that Kafka has deleted, or compacted away.

    A record that stands in S3 under the day, or under the misdated ones, belongs there: landing has decided that.
    """
    beginnings, ends = topic.beginning_offsets(), topic.end_offsets()
    found = _find(topic, _ranges(topic, bucket, day, raw, beginnings, ends), day, raw, times)
    deleted = raw.below(beginnings)
    missing = raw.below(ends) - deleted - found.there
    compacted = missing if len(missing) and is_compacted() else OffsetSet({})
    lacking = found.lacking
    if len(lacking):
        lacking = lacking - landed_elsewhere(bucket, day, lacking)
    return lacking | found.confirmed | deleted | compacted


def landed_elsewhere(bucket: ObjectStore, day: date, offsets: OffsetSet) -> OffsetSet:
    """Those of the offsets that have landed as misdated; where that is the day, those that have landed under others."""
    chunks = {number: set((found // CHUNK_OFFSETS).tolist()) for number, found in offsets.by_partition.items()}
    keys = (
        (number, stored.key)
        for stored in bucket.list(EVENTS if day == MISDATED_DAY else day_prefix(MISDATED_DAY))
        for number, chunk_first in [chunk_of(stored.key)]
        if chunk_first // CHUNK_OFFSETS in chunks.get(number, ()) and not stored.key.startswith(day_prefix(day))
    )
    landed = ((number, np.array(stored_offsets(bucket, key), dtype=np.int64)) for number, key in keys)
    return offsets & offset_set((np.full(len(found), number), found) for number, found in landed)


def _ranges(
    topic: Topic,
    bucket: ObjectStore,
    day: date,
    raw: OffsetSet,
    beginnings: Mapping[int, int],
    ends: Mapping[int, int],
) -> dict[int, list[Range]]:
    """What is read of each partition: no record of the misdated is found by its time."""
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

    This is a guess by Kafka's index of times: a record that is ahead of its neighbours hides them from it.
    """
    starts, stops = topic.offsets_at(start_of(day)), topic.offsets_at(end_of(day) + LATENESS_MS)
    return {partition: (start, stops[partition]) for partition, start in starts.items()}


def _of_raw(raw: OffsetSet, partition: int, ledger: Ledger) -> Iterator[Range]:
    """The chunks in which S3 has records, as far as landings have come."""
    offsets, landed = raw.by_partition.get(partition), ledger.of(partition)
    if offsets is None or not len(offsets):
        return
    end = max(int(offsets[-1]) + 1, landed[-1][1] if landed else 0)
    for chunk in np.unique(offsets // CHUNK_OFFSETS).tolist():
        yield chunk * CHUNK_OFFSETS, min((chunk + 1) * CHUNK_OFFSETS, end)


def _passed_over(ledger: Ledger, partition: int) -> list[Range]:
    """Offsets that no landing has read, before one that some landing has."""
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
    """Partition, offsets and timestamps of the records, a block at a time."""
    for partition, of_partition in ranges.items():
        for first, following in of_partition:
            records = topic.read(partition, first, following)
            while block := [(record.offset, record.timestamp) for record in islice(records, _BLOCK)]:
                offsets, timestamps = np.array(block, dtype=np.int64).T
                yield partition, offsets, timestamps
