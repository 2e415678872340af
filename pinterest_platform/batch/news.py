"""News: which days records have come for since the topic was last looked at.

Belongs here: the cursor, a vector of offsets, and the days that are to be asked for, worked out without reading a
record. Does not belong here: runs, and Dagster (`automation.kafka_sensor`).
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import orjson

from pinterest_platform.batch.grown_days import grown_days
from pinterest_platform.batch.landing import ranges_of_day
from pinterest_platform.batch.landing_ledger import keep_to_topic, read_entry
from pinterest_platform.batch.offset_ranges import without
from pinterest_platform.pins.days import start_of
from pinterest_platform.stores.kafka import Topic
from pinterest_platform.stores.s3 import ObjectStore

# How far back a first look goes. Older days are for a backfill, which has fewer runs for them.
MOST_DAYS = 31
_A_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Cursor:
    """How far somebody has looked: the next offset per partition of one topic, by Kafka's id of it.

    `waiting` are days with news that could not be asked for yet; `open_day_asked_at` is when the day under way was.
    """

    topic_id: str
    open_day_asked_at: datetime
    offsets: Mapping[int, int]
    waiting: frozenset[date] = frozenset()

    def encode(self) -> str:
        """As Dagster keeps it."""
        about = {
            "topic_id": self.topic_id,
            "open_day_asked_at": self.open_day_asked_at.isoformat(),
            "offsets": {str(partition): offset for partition, offset in sorted(self.offsets.items())},
            "waiting": sorted(day.isoformat() for day in self.waiting),
        }
        return orjson.dumps(about).decode()

    @classmethod
    def decode(cls, text: str) -> Cursor:
        """What `encode` gave."""
        about = orjson.loads(text)
        return cls(
            topic_id=about["topic_id"],
            open_day_asked_at=datetime.fromisoformat(about["open_day_asked_at"]),
            offsets={int(partition): offset for partition, offset in about["offsets"].items()},
            waiting=frozenset(map(date.fromisoformat, about["waiting"])),
        )


@dataclass(frozen=True)
class News:
    """What a look has found.

    `days` have records that S3 lacks; `grown` gained raw records by a landing of another day. `new_records` came since
    the last look; where `older_days` is true, some belong to days before the first of `MOST_DAYS`.
    """

    days: Set[date]
    grown: Set[date]
    cursor: Cursor
    end_offsets: Mapping[int, int]
    new_records: int
    older_days: bool


def look(
    topic: Topic,
    bucket: ObjectStore,
    cursor: Cursor | None,
    running: Set[date],
    now: datetime,
    open_day_pause: timedelta,
) -> News:
    """Look at the topic's offsets and at the marks of grown days.

    Days in `running` are not asked for, but not forgotten either. The day under way is asked for once in
    `open_day_pause`, since each of its runs cleans the whole day so far.

    Raises:
        TopicReplacedError: the bucket has the records of another topic.
        TopicUnavailableError: the broker is away.
    """
    keep_to_topic(bucket, topic)
    identity, ends, today = topic.identity(), topic.end_offsets(), now.astimezone(UTC).date()
    if cursor is None or cursor.topic_id != identity:
        cursor = Cursor(identity, open_day_asked_at=now, offsets={})
    seen = {number: max(cursor.offsets.get(number, 0), first) for number, first in topic.beginning_offsets().items()}
    touched, older_days = _touched_days(topic, seen, ends, today)
    lacking = {day for day in touched | cursor.waiting if not _is_landed(topic, bucket, day)}
    pausing = {today} if now - cursor.open_day_asked_at < open_day_pause else set()
    days = lacking - running - pausing
    grown = {day for day in grown_days(bucket) if day <= today} - running - pausing - days
    asked_at = now if today in days | grown else cursor.open_day_asked_at
    return News(
        days=days,
        grown=grown,
        cursor=replace(cursor, offsets=ends, waiting=frozenset(lacking - days), open_day_asked_at=asked_at),
        end_offsets=ends,
        new_records=sum(max(0, end - seen.get(number, 0)) for number, end in ends.items()),
        older_days=older_days,
    )


def _touched_days(
    topic: Topic, seen: Mapping[int, int], ends: Mapping[int, int], today: date
) -> tuple[set[date], bool]:
    """The days of the offsets between `seen` and `ends`, and whether there are older ones than were looked for.

    A late record counts for the day in which it came: the landing of that day will find it.
    """
    touched: set[date] = set()
    day, following = today, ends
    for _ in range(MOST_DAYS):
        if all(following[number] <= seen.get(number, 0) for number in following):
            return touched, False
        starts = topic.offsets_at(start_of(day))
        if any(max(start, seen.get(number, 0)) < following[number] for number, start in starts.items()):
            touched.add(day)
        day, following = day - _A_DAY, starts
    return touched, any(following[number] > seen.get(number, 0) for number in following)


def _is_landed(topic: Topic, bucket: ObjectStore, day: date) -> bool:
    entry = read_entry(bucket, day)
    return not any(without([needed], entry.of(number)) for number, needed in ranges_of_day(topic, day).items())
