"""The landing ledger: per day, which offsets have been read on its behalf and are safe in S3.

Belongs here: what a day's entry says, how it is stored at `landings/dt=YYYY-MM-DD.json`, how two entries become one;
and of which topic all this is, at `landings/topic.json`.
Does not belong here: what is done about offsets that no entry has.

Records of whichever day within these offsets are in S3: an entry is written after the objects, never before. So a
landing that was killed has objects without an entry, reads them again and finds nothing to add.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

import orjson

from pinterest_platform.batch.offset_ranges import Range, joined
from pinterest_platform.stores.kafka import Topic
from pinterest_platform.stores.s3 import ObjectStore

_PREFIX = "landings/dt="
_TOPIC_KEY = "landings/topic.json"


class TopicReplacedError(Exception):
    """The bucket has the records of a topic that was deleted; this one has its name only."""


@dataclass(frozen=True)
class LedgerEntry:
    """What was read on behalf of one day.

    `ranges` has the offsets `[first, next)` per partition. `closed` are the partitions that were read to the day's
    end and an hour beyond: Kafka had later records already.
    """

    ranges: Mapping[int, list[Range]] = field(default_factory=dict)
    closed: frozenset[int] = frozenset()

    def joined_with(self, other: LedgerEntry) -> LedgerEntry:
        """What either entry says."""
        partitions = sorted({*self.ranges, *other.ranges})
        both = {number: joined([*self.of(number), *other.of(number)]) for number in partitions}
        return LedgerEntry({number: ranges for number, ranges in both.items() if ranges}, self.closed | other.closed)

    def of(self, partition: int) -> list[Range]:
        """The ranges of one partition."""
        return self.ranges.get(partition, [])


def keep_to_topic(bucket: ObjectStore, topic: Topic) -> None:
    """Make the bucket this topic's, unless it is; the same offsets of another one are other records.

    Raises:
        TopicReplacedError: it is another topic's, if only by Kafka's id of it.
    """
    about = {"topic": topic.topic, "id": topic.identity()}
    if bucket.create(_TOPIC_KEY, orjson.dumps(about), {}):
        return
    before = orjson.loads(bucket.get(_TOPIC_KEY))
    if before != about:
        raise TopicReplacedError(
            f"The bucket {bucket.name} has the records of the topic {before['topic']} with the id {before['id']}, but "
            f"{about['topic']} now has the id {about['id']}: it was deleted and made anew. Nothing was landed. Land it "
            f"in a bucket of its own (PINTEREST_S3_BUCKET), or restore the old topic."
        )


def read_entry(bucket: ObjectStore, day: date) -> LedgerEntry:
    """The day's entry, empty where the day was never landed."""
    key = _key(day)
    return _decode(bucket.get(key)) if bucket.describe(key) else LedgerEntry()


def read_all(bucket: ObjectStore) -> dict[date, LedgerEntry]:
    """Every entry there is."""
    keys = [stored.key for stored in bucket.list(_PREFIX)]
    return {date.fromisoformat(key[len(_PREFIX) : len(_PREFIX) + 10]): _decode(bucket.get(key)) for key in keys}


def add_to_entry(bucket: ObjectStore, day: date, news: LedgerEntry) -> None:
    """Make the day's entry say what it says and `news`, whoever else is writing it."""
    key = _key(day)
    while True:
        stored = bucket.describe(key)
        before = _decode(bucket.get(key)) if stored else LedgerEntry()
        after = before.joined_with(news)
        if after == before:
            return
        if bucket.replace(stored, _encode(after), {}) if stored else bucket.create(key, _encode(after), {}):
            return


def covered(entries: Iterable[LedgerEntry], partition: int) -> list[Range]:
    """The offsets of the partition that any of the entries has."""
    return joined(found for entry in entries for found in entry.of(partition))


def _key(day: date) -> str:
    return f"{_PREFIX}{day:%Y-%m-%d}.json"


def _encode(entry: LedgerEntry) -> bytes:
    about = {
        str(number): {"ranges": entry.of(number), "closed": number in entry.closed}
        for number in sorted({*entry.ranges, *entry.closed})
    }
    return orjson.dumps(about, option=orjson.OPT_APPEND_NEWLINE)


def _decode(body: bytes) -> LedgerEntry:
    about = orjson.loads(body)
    ranges = {int(number): [(first, following) for first, following in of["ranges"]] for number, of in about.items()}
    closed = frozenset(int(number) for number, of in about.items() if of["closed"])
    return LedgerEntry({number: found for number, found in ranges.items() if found}, closed)
