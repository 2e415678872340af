"""Change detection: the days to run, found from offsets alone, without reading a record.

A day is requested until a run has completed it. There are three reasons for a request: Kafka has unread records of the
day, it has a rerun request, or its last run has failed (perhaps before it could put a request).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

import orjson

from pinterest_platform.landing.ledger import read_ledger
from pinterest_platform.landing.offset_ranges import Range, without
from pinterest_platform.landing.rerun_requests import days_to_rerun
from pinterest_platform.landing.topic_identity import keep_to_topic
from pinterest_platform.pins.calendar import MISDATED_DAY, start_of
from pinterest_platform.stores.kafka import Topic
from pinterest_platform.stores.s3 import ObjectStore

# How many days back unread records are searched. Landing any day puts rerun requests for the others it finds.
MOST_DAYS = 31
_A_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Cursor:
    """The sensor's state between two ticks: the next offset per partition of one topic, identified by Kafka's topic id.

    Only two things depend on it: when the open day was last requested (`open_day_asked_at`), and what is shown as new.
    `failed_attempts` are the failures in a row per day, as last shown.
    """

    topic_id: str
    open_day_asked_at: datetime
    offsets: Mapping[int, int]
    failed_attempts: Mapping[date, int] = field(default_factory=dict)

    def encode(self) -> str:
        """The text that Dagster stores."""
        about = {
            "topic_id": self.topic_id,
            "open_day_asked_at": self.open_day_asked_at.isoformat(),
            "offsets": {str(partition): offset for partition, offset in sorted(self.offsets.items())},
            "failed_attempts": {day.isoformat(): failed for day, failed in sorted(self.failed_attempts.items())},
        }
        return orjson.dumps(about).decode()

    def with_failed_attempts(self, failed_attempts: Mapping[date, int]) -> Cursor:
        return replace(self, failed_attempts=failed_attempts)

    @classmethod
    def decode(cls, text: str) -> Cursor:
        """The cursor that `encode` gave."""
        about = orjson.loads(text)
        failed = about.get("failed_attempts", {})  # cursors of earlier versions lack them
        return cls(
            topic_id=about["topic_id"],
            open_day_asked_at=datetime.fromisoformat(about["open_day_asked_at"]),
            offsets={int(partition): offset for partition, offset in about["offsets"].items()},
            failed_attempts={date.fromisoformat(day): times for day, times in failed.items()},
        )


@dataclass(frozen=True)
class Changes:
    """The result of change detection.

    `days` are to be requested now, `waiting` later. `new_records` arrived since the cursor.
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
    """Compare the topic's offsets with the ledger and the rerun requests.

    Args:
        topic: the topic.
        bucket: has the ledger and the rerun requests.
        cursor: from the last call; None at the first.
        held_back: days that are not requested now, only reported as waiting.
        now: the current time.
        open_day_pause: between two requests of the open day, since each of its runs cleans the whole day so far.
        undone: days whose last run failed; requested even without new records or rerun requests.

    Raises:
        TopicReplacedError: the bucket has the records of another topic.
        TopicUnavailableError: Kafka is unavailable.
    """
    topic = keep_to_topic(bucket, topic)
    ledger, identity, ends = read_ledger(bucket), topic.identity(), topic.end_offsets()
    beginnings, today = topic.beginning_offsets(), now.astimezone(UTC).date()
    if cursor is None or cursor.topic_id != identity:
        cursor = Cursor(identity, open_day_asked_at=now, offsets={})
    unread = {number: without([(beginnings.get(number, 0), end)], ledger.of(number)) for number, end in ends.items()}
    known = {day for day in {*days_to_rerun(bucket), *undone} if MISDATED_DAY != day <= today}
    wanted = known | _touched_days(topic, unread, ends, today)
    asked_before = now - cursor.open_day_asked_at  # below 0 if the clock was ahead at that time
    pausing = {today} if timedelta(0) <= asked_before < open_day_pause else set()
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
    """The days of the unread offsets, found by Kafka's time index; today if the index finds none."""
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
