"""Lost records: offsets that Kafka has deleted and S3 does not have, and the days that they may have belonged to.

Belongs here: the reasoning about such gaps, and the refusal. Does not belong here: how anything is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, timedelta

from pinterest_platform.batch.landing_ledger import LedgerEntry, covered
from pinterest_platform.batch.offset_ranges import Range, without

Ledger = Mapping[date, LedgerEntry]
_A_DAY = timedelta(days=1)


class RecordsLostError(Exception):
    """Kafka has deleted records that may belong to the day before they were landed."""


def refuse_lost_records(
    topic: str,
    day: date,
    beginnings: Mapping[int, int],
    ledger: Ledger,
    day_at: Callable[[int, int], date | None],
) -> None:
    """Refuse the day if a gap may have held records of it.

    `day_at(partition, offset)` is the day of the record there, None where the partition ends.

    Raises:
        RecordsLostError: names the offsets of every such gap.
    """
    lost = [
        f"partition {partition}, offsets {first}-{following - 1}"
        for partition, beginning in sorted(beginnings.items())
        for first, following in _gaps_of_day(day, partition, beginning, ledger, day_at)
    ]
    if lost:
        raise RecordsLostError(
            f"Kafka has deleted records of {topic} that S3 does not have and that may belong to {day}: "
            f"{'; '.join(lost)}. S3 keeps what it has of that day. Restore them into the topic, or leave the day as it "
            f"is and go on with the next one."
        )


def refuse_shorter_topic(topic: str, ends: Mapping[int, int], entries: Iterable[LedgerEntry]) -> None:
    """Refuse a topic that ends before what has been landed from it: the offsets would mean other records now.

    Raises:
        RecordsLostError: names the partition and both offsets.
    """
    for entry in entries:
        for partition, ranges in entry.ranges.items():
            landed, end = ranges[-1][1], ends.get(partition, 0)
            if landed > end:
                raise RecordsLostError(
                    f"Partition {partition} of {topic} ends at offset {end}, but S3 has its records up to "
                    f"{landed - 1}: the topic was made anew or cut. Give the new one a name of its own "
                    f"(PINTEREST_KAFKA_TOPIC) and bucket (PINTEREST_S3_BUCKET), or restore the old one."
                )


def _gaps_of_day(
    day: date, partition: int, beginning: int, ledger: Ledger, day_at: Callable[[int, int], date | None]
) -> Iterator[Range]:
    for first, following in without([(0, beginning)], covered(ledger.values(), partition)):
        earliest = _earliest_day(partition, first, ledger)
        if following < beginning:
            latest = _day_before_range(partition, following, ledger)
        else:
            latest = day_at(partition, following) or date.max
        if earliest <= day <= max(earliest, latest):
            yield first, following


def _earliest_day(partition: int, gap_first: int, ledger: Ledger) -> date:
    """The first day that may have records from here on: one whose landing ended here before the day did."""
    before = [
        day
        for day, entry in ledger.items()
        if any(first < gap_first <= following for first, following in entry.of(partition))
    ]
    if not before:
        return date.min
    unfinished = [day for day in before if partition not in ledger[day].closed]
    return min(unfinished) if unfinished else max(before) + _A_DAY


def _day_before_range(partition: int, first: int, ledger: Ledger) -> date:
    """The day before the one whose landing began here: it began with its own first record."""
    return min(day for day, entry in ledger.items() if first in dict(entry.of(partition))) - _A_DAY
