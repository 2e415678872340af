"""The ledger (`landings/ledger.json`): which offsets of the topic are safe in S3.

Every record within these offsets is in S3, or is recorded as lost. The ledger is extended after the objects are
written, never before. So after a killed landing some objects are not in the ledger; the next landing reads their
records again and adds nothing. It shrinks only when reconciliation misses records of it in S3.

Versions before the ledger wrote an entry per day, `landings/dt=YYYY-MM-DD.json`; a bucket without a ledger starts from
those.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import reduce
from typing import Any

import orjson

from pinterest_platform.landing.offset_ranges import Range, joined, without
from pinterest_platform.stores.s3 import ObjectStore

_KEY = "landings/ledger.json"
_ENTRIES = "landings/dt="


@dataclass(frozen=True)
class Ledger:
    """The offsets that have been read, for each partition seen so far.

    `ranges` are the offsets `[first, next)`, joined. `days` maps an offset at which a range begins or ends to the day
    of the records there, where known.
    """

    ranges: Mapping[int, list[Range]] = field(default_factory=dict)
    days: Mapping[int, Mapping[int, date]] = field(default_factory=dict)

    def of(self, partition: int) -> list[Range]:
        """The partition's ranges in order; empty if nothing was read."""
        return self.ranges.get(partition, [])

    def ends(self) -> Mapping[int, int]:
        """The next offset to land, per partition."""
        return {number: ranges[-1][1] for number, ranges in self.ranges.items() if ranges}

    def day_at(self, partition: int, offset: int) -> date | None:
        """The day of the records at this beginning or end of a range; None if it is not known."""
        return self.days.get(partition, {}).get(offset)

    def joined_with(self, other: Ledger) -> Ledger:
        """The union of both ledgers."""
        numbers = sorted({*self.ranges, *other.ranges})
        ranges = {number: joined([*self.of(number), *other.of(number)]) for number in numbers}
        bounds = {number: {at for found in ranges[number] for at in found} for number in numbers}
        days = {number: self._days_of(other, number, bounds[number]) for number in numbers}
        return Ledger(ranges, {number: known for number, known in days.items() if known})

    def without(self, partition: int, lost: Range, day: date) -> Ledger:
        """The ledger without these offsets of a day."""
        kept = without(self.of(partition), [lost])
        if kept == self.of(partition):
            return self
        bounds = {at for found in kept for at in found}
        known = {at: known for at, known in self.days.get(partition, {}).items() if at in bounds}
        days = {**dict.fromkeys(bounds & set(lost), day), **known}
        return Ledger({**self.ranges, partition: kept}, {**self.days, partition: days})

    def _days_of(self, other: Ledger, partition: int, offsets: Iterable[int]) -> dict[int, date]:
        known = {at: [self.day_at(partition, at), other.day_at(partition, at)] for at in sorted(offsets)}
        return {at: min(day for day in days if day) for at, days in known.items() if any(days)}


def read_ledger(bucket: ObjectStore) -> Ledger:
    """The bucket's ledger, empty if nothing was ever landed."""
    if bucket.describe(_KEY):
        return _decode(bucket.get(_KEY))
    entries = _of_days(bucket)
    if entries.ranges and not bucket.create(_KEY, _encode(entries), {}):
        return _decode(bucket.get(_KEY))  # another landing was faster, and may have landed more
    return entries


def extend_ledger(bucket: ObjectStore, gained: Ledger) -> None:
    """Add `gained` to the stored ledger. Concurrent writers do not overwrite each other."""
    while True:
        stored = bucket.describe(_KEY)
        before = _decode(bucket.get(_KEY)) if stored else _of_days(bucket)
        after = before.joined_with(gained)
        if stored and after == before:
            return
        if bucket.replace(stored, _encode(after), {}) if stored else bucket.create(_KEY, _encode(after), {}):
            return


def forget_offsets(bucket: ObjectStore, lost: Iterable[tuple[int, int, int]], day: date) -> None:
    """Take offsets out of the ledger whose raw lines have disappeared from S3. The next landing reads them again.

    Args:
        bucket: has the ledger.
        lost: partition, first offset and the offset after the last. Offsets that the ledger lacks change nothing.
        day: of the records.
    """
    gone = [(number, (first, following)) for number, first, following in lost]
    while stored := bucket.describe(_KEY):
        before = _decode(bucket.get(_KEY))
        after = reduce(lambda ledger, each: ledger.without(*each, day), gone, before)
        if after == before or bucket.replace(stored, _encode(after), {}):
            return


def _encode(ledger: Ledger) -> bytes:
    about = {
        str(number): {
            "ranges": ranges,
            "days": {str(at): day.isoformat() for at, day in ledger.days.get(number, {}).items()},
        }
        for number, ranges in ledger.ranges.items()
    }
    return orjson.dumps(about, option=orjson.OPT_APPEND_NEWLINE)


def _decode(body: bytes) -> Ledger:
    about: dict[str, Any] = orjson.loads(body)
    ranges = {int(number): [(first, following) for first, following in of["ranges"]] for number, of in about.items()}
    days = {
        int(number): {int(at): date.fromisoformat(day) for at, day in of["days"].items()}
        for number, of in about.items()
        if of["days"]
    }
    return Ledger(ranges, days)


def _of_days(bucket: ObjectStore) -> Ledger:
    """The union of the daily entries that earlier versions wrote."""
    keys: Iterable[str] = [stored.key for stored in bucket.list(_ENTRIES)]
    entries = (_entry(date.fromisoformat(key[len(_ENTRIES) : len(_ENTRIES) + 10]), bucket.get(key)) for key in keys)
    return reduce(Ledger.joined_with, entries, Ledger())


def _entry(day: date, body: bytes) -> Ledger:
    """The ledger of one day's entry. Its ranges were read for that day, so their ends are of that day or soon after."""
    about: dict[str, Any] = orjson.loads(body)
    ranges = {int(number): joined((first, end) for first, end in of["ranges"]) for number, of in about.items()}
    days = {number: {at: day for bounds in found for at in bounds} for number, found in ranges.items() if found}
    return Ledger(ranges, days)
