"""How fast a day lands: event bytes per CPU second, and objects per million events; compared with one put per event.

Run it with `.venv/bin/python -m benchmarks.landing`. It starts its own Kafka and S3.
"""

from __future__ import annotations

import itertools
from datetime import date

from benchmarks.measured import MIB, Measured, measure
from benchmarks.record import record
from benchmarks.stack import running
from benchmarks.topic import post_day
from pinterest_platform.landing.landing import Landing, land_day
from pinterest_platform.pins.calendar import PlausibleTimes
from pinterest_platform.settings import Settings
from pinterest_platform.stores.kafka import open_topic
from pinterest_platform.stores.kafka_batches import Record
from pinterest_platform.stores.s3 import ObjectStore, open_bucket
from pinterest_platform_tests.support.corner import new_corner

DAY = date(2026, 11, 16)
EVENTS = 200_000
LATE_EVENTS = 100
SAMPLE = 2_000


def main() -> None:
    with running(["kafka", "s3"]) as settings:
        own = new_corner(settings)
        posted = post_day(own, DAY, EVENTS)
        print(f"{EVENTS:,} events of {posted / EVENTS:.0f} bytes are in Kafka.")
        first = measure(lambda: _land(own))
        _print_landing("first landing", first)
        again = measure(lambda: _land(own))
        record("landing", "landing with nothing new", again.seconds, "s")
        print(f"nothing new     {again.seconds:6.2f} s, {again.result.read} records read")
        post_day(own, DAY, LATE_EVENTS)
        grown = measure(lambda: _land(own))
        record("landing", f"landing of {LATE_EVENTS} more", grown.seconds, "s")
        print(f"{LATE_EVENTS} more        {grown.seconds:6.2f} s, {grown.result.read} records read")
        _compare_with_single_puts(own, EVENTS / first.seconds)


def _land(settings: Settings) -> Landing:
    with open_topic(settings) as topic:
        return land_day(topic, open_bucket(settings), DAY, PlausibleTimes.now(settings.first_day))


def _print_landing(name: str, landing: Measured[Landing]) -> None:
    done = landing.result
    mib = done.value_bytes / MIB
    print(
        f"{name}   {landing.seconds:6.2f} s ({done.reading_seconds:.2f} reading, {done.writing_seconds:.2f} writing), "
        f"{landing.cpu_seconds:.2f} CPU s: {mib / landing.cpu_seconds:.1f} MiB/s per core, {mib / landing.seconds:.1f} "
        f"MiB/s and {done.read / landing.seconds:,.0f} events/s by the clock; "
        f"{done.written} objects, {done.written * 1_000_000 / done.read:.0f} per million events"
    )
    record("landing", "event bytes landed per core", mib / landing.cpu_seconds, "MiB/s", target=">= 45")
    record("landing", "events landed by the clock", done.read / landing.seconds, "events/s")
    record("landing", "objects per million events", done.written * 1_000_000 / done.read, "objects", target="<= 150")


def _compare_with_single_puts(settings: Settings, landed_a_second: float) -> None:
    with open_topic(settings) as topic:
        records = list(itertools.islice(topic.read(0, 0, topic.end_offsets()[0]), SAMPLE))
    puts = measure(lambda: _put_each(open_bucket(settings), records))
    rate = len(records) / puts.seconds
    print(f"a put per event {rate:,.0f} events/s; landing is {landed_a_second / rate:.0f} times as fast")
    record("landing", "as fast as a put per event", landed_a_second / rate, "times", target=">= 100")


def _put_each(bucket: ObjectStore, records: list[Record]) -> None:
    for one in records:
        bucket.put(f"single/{one.partition}-{one.offset}.json", one.value or b"", {})


if __name__ == "__main__":
    main()
