"""The platform exporter's metrics from the stream's tables in PostgreSQL."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from prometheus_client import CollectorRegistry

from infra.platform_exporter.sources import Sources
from infra.platform_exporter.stream_figures import StreamFigures
from pinterest_platform.pins.calendar import AHEAD_OF_NOW, BEFORE_FIRST_DAY, MISDATED_DAY
from pinterest_platform.settings import Settings
from pinterest_platform.stores.postgres import Connection
from pinterest_platform.stream.day_partitions import keep_days
from pinterest_platform.stream.lease import take_over

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
TOPIC = "Pinterest_data"
INSERT = """
    INSERT INTO pinterest_stream (unique_id, index_id, category, event_id, ingested_at, ingest_date, kafka_partition,
        kafka_offset, committed_at)
    VALUES ('pin', 1, 'art', %s, %s, %s, 0, %s, %s)"""
REJECT = """
    INSERT INTO stream_rejects (ingested_at, ingest_date, kafka_topic, kafka_partition, kafka_offset, reason)
    VALUES (%s, %s, %s, 0, %s, %s)"""
PROGRESS = """
    INSERT INTO stream_progress (topic, kafka_partition, next_offset) VALUES (%s, 0, %s)
    ON CONFLICT (topic, kafka_partition) DO UPDATE SET next_offset = excluded.next_offset"""


def store(database: Connection, offsets: range, latency: float) -> None:
    """Rows that took so many seconds, and the progress behind them."""
    for offset in offsets:
        committed = NOW + timedelta(seconds=latency)
        database.execute(INSERT, [f"event-{offset}", NOW, NOW.date(), offset, committed])
    database.execute(PROGRESS, [TOPIC, offsets.stop])


def registry_of(settings: Settings) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(Sources({"stream": StreamFigures(settings, clock=lambda: NOW).collect}))
    return registry


def rows_within(registry: CollectorRegistry, seconds: str) -> float | None:
    return registry.get_sample_value("stream_latency_seconds_bucket", {"le": seconds})


def test_a_row_is_timed_once_by_when_it_was_stored(stores: Settings, database: Connection) -> None:
    keep_days(database, NOW.date(), -1)
    store(database, range(5), latency=0.2)
    registry = registry_of(stores)
    assert rows_within(registry, "+Inf") == 0  # what was there before is not of this process' time

    store(database, range(5, 8), latency=0.7)
    store(database, range(8, 9), latency=45.0)

    counts = [[rows_within(registry, seconds) for seconds in ("0.5", "0.75", "30.0", "60.0")] for _ in range(2)]
    assert counts == [[0, 3, 3, 4], [0, 3, 3, 4]]
    assert registry.get_sample_value("stream_rows_total") == 4
    assert registry.get_sample_value("stream_next_offset", {"topic": TOPIC, "kafka_partition": "0"}) == 9


def test_records_that_were_refused_or_misdated_are_counted_apart(stores: Settings, database: Connection) -> None:
    yesterday, long_ago = NOW.date() - timedelta(days=1), date(2026, 9, 1)
    for offset, (day, reason) in enumerate(
        [
            (NOW.date(), "the value is not JSON"),
            (NOW.date(), "PostgreSQL refused it: index row size 5016 exceeds btree version 4 maximum 2704"),
            (yesterday, "PostgreSQL refused it: index row size 5000 exceeds btree version 4 maximum 2704"),
            (long_ago, "PostgreSQL refused it: index row size 5001 exceeds btree version 4 maximum 2704"),
            (MISDATED_DAY, BEFORE_FIRST_DAY),
            (MISDATED_DAY, AHEAD_OF_NOW),
        ]
    ):
        database.execute(REJECT, [NOW, day, TOPIC, offset, reason])
    registry = registry_of(stores)

    by_reason = {"the value is not JSON": 1.0, "PostgreSQL refused it": 1.0}
    assert {
        reason: registry.get_sample_value("stream_rejects_today", {"reason": reason}) for reason in by_reason
    } == by_reason
    assert registry.get_sample_value("stream_refused_records") == 2
    assert registry.get_sample_value("stream_misdated_records") == 2


def test_the_heartbeat_has_an_age_once_there_is_one(stores: Settings, database: Connection) -> None:
    registry = registry_of(stores)
    assert registry.get_sample_value("stream_heartbeat_age_seconds") is None

    take_over(stores, "a run")

    age = registry.get_sample_value("stream_heartbeat_age_seconds")
    assert age is not None
    assert 0 <= age < 10
    assert registry.get_sample_value("stream_day_has_rows", {"days_ago": "0"}) == 0
