"""Lost records: offsets that Kafka deleted before they were landed, and the days they may have belonged to.

A loss stops nothing: everything that exists is landed. It is recorded once, in
`losses/<topic>+<partition>+<first>-<next>.json`, before the records after it are landed, and is never removed. A check
shows it for the days it may affect.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import orjson

from pinterest_platform.landing.ledger import Ledger
from pinterest_platform.stores.epochs import of_same_epoch
from pinterest_platform.stores.s3 import ObjectStore

_PREFIX = "losses/"


class TopicCutError(Exception):
    """The topic ends before offsets that have been landed from it."""


@dataclass(frozen=True)
class Loss:
    """Offsets `[first, following)` of a partition that are neither in Kafka nor in S3.

    `first_day` is the day of the record before the loss, `last_day` of the one after it; None where there is no such
    record. `before_first_landing`: Kafka had deleted the offsets before the platform first saw the topic. They can
    affect only the day of the first record that it has.
    """

    topic: str
    partition: int
    first: int
    following: int
    first_day: date | None
    last_day: date | None
    before_first_landing: bool

    def meets(self, day: date) -> bool:
        """Whether some of the records may have belonged to the day."""
        if self.last_day is None or day > self.last_day:
            return False
        return day == self.last_day if self.before_first_landing else self.first_day is None or day >= self.first_day

    def days(self, most: int) -> set[date]:
        """The days it may affect; empty if they are unknown, or more than `most`."""
        if self.first_day is None or self.last_day is None or (self.last_day - self.first_day).days >= most:
            return set()
        return {self.first_day + timedelta(days=number) for number in range((self.last_day - self.first_day).days + 1)}

    def in_words(self) -> str:
        return f"partition {self.partition}, offsets {self.first}-{self.following - 1}"


def record_loss(bucket: ObjectStore, loss: Loss) -> None:
    """Record the loss, unless it is recorded already."""
    about = {
        "first_day": loss.first_day and loss.first_day.isoformat(),
        "last_day": loss.last_day and loss.last_day.isoformat(),
        "before_first_landing": loss.before_first_landing,
    }
    key = f"{_PREFIX}{loss.topic}+{loss.partition}+{loss.first:020d}-{loss.following:020d}.json"
    bucket.create(key, orjson.dumps(about, option=orjson.OPT_APPEND_NEWLINE), {})


def losses(bucket: ObjectStore) -> list[Loss]:
    """Every recorded loss."""
    return [_decode(stored.key, bucket.get(stored.key)) for stored in bucket.list(_PREFIX)]


def refuse_shorter_topic(topic: str, ends: Mapping[int, int], ledger: Ledger) -> None:
    """Refuse a topic that ends before what has been landed from it: its offsets are now other records.

    Raises:
        TopicCutError: names the partition and both offsets.
    """
    for partition, ranges in of_same_epoch(ledger.ranges, ends).items():
        landed, end = ranges[-1][1] if ranges else 0, ends.get(partition, 0)
        if landed > end:
            raise TopicCutError(
                f"Partition {partition} of {topic} ends at offset {end}, but S3 has its records up to "
                f"{landed - 1}: the topic was cut, and its id is the same. Restore it, or recreate it and go on with "
                f"the new one: make accept-topic."
            )


def _decode(key: str, body: bytes) -> Loss:
    topic, partition, offsets = key.removeprefix(_PREFIX).removesuffix(".json").rsplit("+", 2)
    first, following = map(int, offsets.split("-"))
    about = orjson.loads(body)
    first_day, last_day = (about[name] and date.fromisoformat(about[name]) for name in ("first_day", "last_day"))
    return Loss(topic, int(partition), first, following, first_day, last_day, about["before_first_landing"])
