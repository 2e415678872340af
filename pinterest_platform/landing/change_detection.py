"""News: which days are to be asked for, worked out without reading a record.

Belongs here: what the ledger and the marks say, against the topic's offsets; and the cursor, of which nothing depends
but when the day under way was last asked for and what is shown as new. Does not belong here: runs, and Dagster
(`defs.landing.sensor`).

A day is asked for until a run of it has come to its end, whoever has seen its records meanwhile: because records lie
in the topic that no landing has read yet, because there is a mark, or because its last run has failed, perhaps
before it could leave a mark.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

import orjson

from pinterest_platform.landing.ledger import keep_to_topic, read_ledger
from pinterest_platform.landing.offset_ranges import Range, without
from pinterest_platform.landing.rerun_requests import days_to_rerun
from pinterest_platform.pins.calendar import MISDATED_DAY, start_of
from pinterest_platform.stores.kafka import Topic
from pinterest_platform.stores.s3 import ObjectStore

# How far back a look goes for days of records that are not landed. Landing one day marks all others.
MOST_DAYS = 31
_A_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Cursor:
    """How far somebody has looked: the next offset per partition of one topic, by Kafka's id of it.

    `open_day_asked_at` is when the day under way was asked for, `failed_attempts` how often in a row the runs of a day
    had failed then, as it was last shown.
    """

    topic_id: str
    open_day_asked_at: datetime
    offsets: Mapping[int, int]
    failed_attempts: Mapping[date, int] = field(default_factory=dict)

    def encode(self) -> str:
        """As Dagster keeps it."""
        about = {
            "topic_id": self.topic_id,
            "open_day_asked_at": self.open_day_asked_at.isoformat(),
            "offsets": {str(partition): offset for partition, offset in sorted(self.offsets.items())},
            "failed_attempts": {day.isoformat(): failed for day, failed in sorted(self.failed_attempts.items())},
        }
        return orjson.dumps(about).decode()

    def with_failed_attempts(self, failed_attempts: Mapping[date, int]) -> Cursor:
        """This cursor, where these are shown now."""
        return replace(self, failed_attempts=failed_attempts)

    @classmethod
    def decode(cls, text: str) -> Cursor:
        """What `encode` gave."""
        about = orjson.loads(text)
        failed = about.get("failed_attempts", {})  # cursors of before do not have them
        return cls(
            topic_id=about["topic_id"],
            open_day_asked_at=datetime.fromisoformat(about["open_day_asked_at"]),
            offsets={int(partition): offset for partition, offset in about["offsets"].items()},
            failed_attempts={date.fromisoformat(day): times for day, times in failed.items()},
        )


@dataclass(frozen=True)
class Changes:
    """What a look has found.

    `days` are to be asked for now, `waiting` later. `new_records` came since the last look.
    """

    days: Set[date]
    waiting: Set[date]
    cursor: Cursor
    end_offsets: Mapping[int, int]
    new_records: int


def detect(
    topic: Topic,
    bucket: ObjectStore,
    cursor: Cursor | None,
    held_back: Set[date],
    now: datetime,
    open_day_pause: timedelta,
    undone: Set[date] = frozenset(),
) -> Changes:
    """Look at the topic's offsets, at the ledger and at the marks.

    Days in `undone` are asked for whatever these say. Days in `held_back` are not, but not forgotten either. The day
    under way is asked for once in `open_day_pause`, since each of its runs cleans the whole day so far.

    Raises:
        TopicReplacedError: the bucket has the records of another topic.
        TopicUnavailableError: the broker is away.
    """
    keep_to_topic(bucket, topic)
    ledger, identity, ends = read_ledger(bucket), topic.identity(), topic.end_offsets()
    beginnings, today = topic.beginning_offsets(), now.astimezone(UTC).date()
    if cursor is None or cursor.topic_id != identity:
        cursor = Cursor(identity, open_day_asked_at=now, offsets={})
    unread = {number: without([(beginnings.get(number, 0), end)], ledger.of(number)) for number, end in ends.items()}
    known = {day for day in {*days_to_rerun(bucket), *undone} if MISDATED_DAY != day <= today}
    wanted = known | _touched_days(topic, unread, ends, today)
    pausing = {today} if now - cursor.open_day_asked_at < open_day_pause else set()
    days = wanted - held_back - pausing
    seen = {number: max(cursor.offsets.get(number, 0), first) for number, first in beginnings.items()}
    return Changes(
        days=days,
        waiting=wanted - days,
        cursor=replace(cursor, offsets=ends, open_day_asked_at=now if today in days else cursor.open_day_asked_at),
        end_offsets=ends,
        new_records=sum(max(0, end - seen.get(number, 0)) for number, end in ends.items()),
    )


def _touched_days(
    topic: Topic, unread: Mapping[int, Sequence[Range]], ends: Mapping[int, int], today: date
) -> set[date]:
    """The days of offsets that no landing has read, as far as Kafka's index of times tells; today, if it does not."""
    lowest = {number: ranges[0][0] for number, ranges in unread.items() if ranges}
    if not lowest:
        return set()
    touched: set[date] = set()
    day, following = today, ends
    for _ in range(MOST_DAYS):
        starts = topic.offsets_at(start_of(day))
        if any(_meet(unread[number], (starts[number], following[number])) for number in lowest):
            touched.add(day)
        if all(starts[number] <= first for number, first in lowest.items()):
            break
        day, following = day - _A_DAY, starts
    return touched or {today}


def _meet(ranges: Sequence[Range], other: Range) -> bool:
    return any(max(first, other[0]) < min(following, other[1]) for first, following in ranges)
