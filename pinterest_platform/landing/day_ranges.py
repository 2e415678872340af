"""Where a day's records probably are in the topic, by Kafka's time index.

Only a guess: a record with a timestamp ahead of its neighbours' hides them from the index. So it is used to choose what
reconciliation reads in addition to the chunks in S3, and never to decide what is landed.
"""

from __future__ import annotations

from datetime import date

from pinterest_platform.landing.offset_ranges import Range
from pinterest_platform.pins.calendar import end_of, start_of
from pinterest_platform.stores.kafka import MILLISECONDS_AN_HOUR, Topic

# Records of a day may stand this long behind its end in the topic: producers' clocks and retries.
LATENESS_MS = MILLISECONDS_AN_HOUR


def ranges_of_day(topic: Topic, day: date) -> dict[int, Range]:
    """The offsets `[first, next)` per partition from the day's first record to an hour past its end."""
    starts, stops = topic.offsets_at(start_of(day)), topic.offsets_at(end_of(day) + LATENESS_MS)
    return {partition: (start, stops[partition]) for partition, start in starts.items()}
