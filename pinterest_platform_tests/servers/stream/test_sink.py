"""The sink in real PostgreSQL: one transaction a batch, every record once, profiles by event order."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest

from pinterest_platform.stores.postgres import Connection
from pinterest_platform.stream.sink import BatchOutcome, next_offsets, write_batch

NOON = datetime(2026, 11, 16, 12, tzinfo=UTC)


def pin(offset: int, partition: int = 0, at: datetime = NOON, **changes: Any) -> dict[str, Any]:
    """A cleaned row as the stream hands it to the sink."""
    row = dict.fromkeys(("title", "description", "tag_list", "is_image_or_video", "image_src", "save_location"))
    return {
        **row,
        "unique_id": f"pin-{partition}-{offset}",
        "index_id": offset,
        "category": "art",
        "poster_name": "Ada",
        "follower_count": 10,
        "downloaded": 1,
        "event_id": f"event-{partition}-{offset}",
        "ingested_at": at,
        "ingest_date": at.date(),
        "kafka_topic": "pins",
        "kafka_partition": partition,
        "kafka_offset": offset,
        "original": None,
        "reason": None,
        **changes,
    }


def rows(database: Connection, query: str) -> list[Any]:
    return database.execute(query).fetchall()


def count(database: Connection, table: str) -> int:
    return int(rows(database, f"SELECT count(*) FROM {table}")[0][0])  # noqa: S608


def profile(database: Connection, name: str = "Ada") -> Any:
    [found] = database.execute(
        "SELECT posts, latest_follower_count, last_posted_at FROM profile_popularity WHERE poster_name = %s", [name]
    ).fetchall()
    return found


def test_a_batch_stores_its_rows_and_where_to_go_on(database: Connection) -> None:
    outcome = write_batch(database, "pins", [pin(0), pin(1), pin(0, partition=2)])

    assert outcome == BatchOutcome(rows=3, rejects=0, duplicates=0)
    assert next_offsets(database, "pins") == {0: 2, 2: 1}
    assert count(database, "pinterest_stream") == 3


def test_a_replayed_batch_changes_nothing(database: Connection) -> None:
    batch = [pin(0), pin(1), pin(2, reason="index is missing", original="{}"), pin(3, event_id="event-0-0")]
    write_batch(database, "pins", batch)

    again = write_batch(database, "pins", batch)

    assert again == BatchOutcome(rows=0, rejects=0, duplicates=0)
    assert profile(database)[0] == 2
    assert [count(database, table) for table in ("pinterest_stream", "stream_rejects", "stream_duplicates")] == [
        2,
        1,
        1,
    ]


def test_a_batch_that_overlaps_adds_only_what_is_new(database: Connection) -> None:
    write_batch(database, "pins", [pin(0), pin(1)])

    outcome = write_batch(database, "pins", [pin(1), pin(2)])

    assert outcome == BatchOutcome(rows=1, rejects=0, duplicates=0)
    assert profile(database)[0] == 3


def test_a_repeated_event_id_is_stored_once_a_day(database: Connection) -> None:
    tomorrow = NOON + timedelta(days=1)
    batch = [pin(0, event_id="e"), pin(1, event_id="e"), pin(2, event_id="e", at=tomorrow)]

    outcome = write_batch(database, "pins", batch)
    later = write_batch(database, "pins", [pin(3, event_id="e")])

    assert outcome == BatchOutcome(rows=2, rejects=0, duplicates=1)
    assert later == BatchOutcome(rows=0, rejects=0, duplicates=1)
    assert rows(database, "SELECT kafka_offset FROM stream_duplicates ORDER BY 1") == [(1,), (3,)]


def test_a_reject_keeps_its_text_and_its_reason(database: Connection) -> None:
    write_batch(database, "pins", [pin(0, original="a\0b", reason="the value is not a JSON object")])

    found = rows(database, "SELECT original, reason FROM stream_rejects")
    assert found == [("a\N{SYMBOL FOR NULL}b", "the value is not a JSON object")]
    assert next_offsets(database, "pins") == {0: 1}


def test_a_batch_that_fails_stores_nothing(database: Connection) -> None:
    with pytest.raises(psycopg.errors.NotNullViolation):
        write_batch(database, "pins", [pin(0), pin(1, category=None)])

    assert (count(database, "pinterest_stream"), next_offsets(database, "pins")) == (0, {})


def test_followers_are_those_of_the_newest_post_not_of_the_last_arrival(database: Connection) -> None:
    hour = timedelta(hours=1)
    write_batch(database, "pins", [pin(0, at=NOON + hour, follower_count=20), pin(1, at=NOON, follower_count=10)])
    assert profile(database) == (2, 20, NOON + hour)

    write_batch(database, "pins", [pin(2, at=NOON - hour, follower_count=5)])
    assert profile(database) == (3, 20, NOON + hour)

    write_batch(database, "pins", [pin(3, at=NOON + 2 * hour, follower_count=None)])
    assert profile(database) == (4, 20, NOON + 2 * hour)

    write_batch(database, "pins", [pin(4, at=NOON + 3 * hour, follower_count=7)])
    assert profile(database) == (5, 7, NOON + 3 * hour)


def test_a_pin_without_a_poster_is_stored_and_has_no_profile(database: Connection) -> None:
    write_batch(database, "pins", [pin(0, poster_name=None)])

    assert (count(database, "pinterest_stream"), count(database, "profile_popularity")) == (1, 0)


def test_every_day_of_a_batch_has_its_partition(database: Connection) -> None:
    write_batch(database, "pins", [pin(0), pin(1, at=datetime(1999, 12, 31, tzinfo=UTC))])

    days = rows(database, "SELECT ingest_date FROM pinterest_stream ORDER BY 1")
    assert days == [(date(1999, 12, 31),), (date(2026, 11, 16),)]
