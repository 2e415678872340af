"""The sink in real PostgreSQL: one transaction per batch, every record once, profiles by event order."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest

from pinterest_platform.settings import Settings
from pinterest_platform.stores.postgres import Connection
from pinterest_platform.stream.lease import StreamTakenOverError, take_over
from pinterest_platform.stream.progress import next_offsets
from pinterest_platform.stream.sink import BatchOutcome, write_batch
from pinterest_platform_tests.support.cleaned import NOON, cleaned

OWNER = "the run"


@pytest.fixture(autouse=True)
def _owned(stores: Settings, database: Connection) -> None:
    take_over(stores.model_copy(update={"kafka_topic": "pins"}), OWNER)


def write(database: Connection, *lines: str, owner: str = OWNER) -> BatchOutcome:
    return write_batch(database, "pins", owner, lines)


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
    outcome = write(database, cleaned(0), cleaned(1), cleaned(0, partition=2))

    assert outcome == BatchOutcome(rows=3, rejects=0, duplicates=0)
    assert next_offsets(database, "pins") == {0: 2, 2: 1}
    assert count(database, "pinterest_stream") == 3


def test_a_replayed_batch_changes_nothing(database: Connection) -> None:
    batch = [
        cleaned(0),
        cleaned(1),
        cleaned(2, reason="index is missing", original="{}"),
        cleaned(3, event_id="event-0-0", unique_id="pin-0-0", index_id=0),
    ]
    write(database, *batch)

    again = write(database, *batch)

    assert again == BatchOutcome(rows=0, rejects=0, duplicates=0)
    assert profile(database)[0] == 2
    assert [count(database, table) for table in ("pinterest_stream", "stream_rejects", "stream_duplicates")] == [
        2,
        1,
        1,
    ]


def test_a_batch_that_overlaps_adds_only_what_is_new(database: Connection) -> None:
    write(database, cleaned(0), cleaned(1))

    outcome = write(database, cleaned(1), cleaned(2))

    assert outcome == BatchOutcome(rows=1, rejects=0, duplicates=0)
    assert profile(database)[0] == 3


def again(offset: int, event: str = "e", partition: int = 0, at: datetime = NOON, **changes: Any) -> str:
    """A post of the event, whose content is always the same."""
    return cleaned(offset, partition, at, **{"event_id": event, "unique_id": "pin", "index_id": 1} | changes)


def test_a_repeated_event_counts_once_within_a_week_also_across_midnight(database: Connection) -> None:
    tomorrow, a_week_later, too_late = (NOON + timedelta(days=number) for number in (1, 7, 15))

    outcome = write(database, again(0), again(1), again(2, at=tomorrow))
    later = write(database, again(3), again(0, partition=1, at=a_week_later), again(4, at=too_late))

    assert outcome == BatchOutcome(rows=1, duplicates=2)
    assert later == BatchOutcome(rows=1, duplicates=2)
    assert rows(database, "SELECT kafka_offset FROM pinterest_stream ORDER BY 1") == [(0,), (4,)]
    assert rows(database, "SELECT kafka_partition, kafka_offset FROM stream_duplicates ORDER BY 1, 2") == [
        (0, 1), (0, 2), (0, 3), (1, 0)
    ]  # fmt: skip
    assert (profile(database)[0], count(database, "stream_conflicts")) == (2, 0)


def test_a_repeat_of_a_repeat_is_one_also_when_the_first_is_long_ago(database: Connection) -> None:
    for offset, days in enumerate((0, 6, 12)):
        write(database, again(offset, at=NOON + timedelta(days=days)))

    assert (count(database, "pinterest_stream"), count(database, "stream_duplicates")) == (1, 2)


def test_an_event_id_on_another_pin_or_content_is_stored_and_noted(database: Connection) -> None:
    tomorrow = NOON + timedelta(days=1)

    outcome = write(database, again(0), again(1, unique_id="other"))
    later = write(database, again(2, title="other", at=tomorrow), again(3, title="other"), again(4, poster_name=None))

    assert (outcome, later) == (BatchOutcome(rows=2, conflicts=1), BatchOutcome(rows=2, duplicates=1, conflicts=2))
    assert rows(database, "SELECT kafka_offset FROM pinterest_stream ORDER BY 1") == [(0,), (1,), (3,), (4,)]
    assert rows(
        database, "SELECT kafka_offset, event_id FROM stream_conflicts WHERE other_date = '2026-11-16' ORDER BY 1"
    ) == [(1, "e"), (3, "e"), (4, "e")]
    assert rows(database, "SELECT kafka_offset, of_offset FROM stream_duplicates") == [(2, 3)]


def test_an_earlier_copy_that_was_read_later_is_the_record_that_counts(database: Connection) -> None:
    before_midnight = NOON - timedelta(days=1)
    write(database, again(0))

    write(database, again(0, partition=1, at=before_midnight + timedelta(hours=1)))
    write(database, again(0, partition=2, at=before_midnight))

    assert rows(database, "SELECT kafka_partition FROM pinterest_stream") == [(0,)]
    seen = "SELECT ingest_date, kafka_partition, unique_id, event_id FROM pinterest_stream_records"
    assert rows(database, seen) == [(before_midnight.date(), 2, "pin", "e")]


def test_a_derived_event_id_is_never_repeated(database: Connection) -> None:
    outcome = write(database, again(0, "pins-0-0"), again(1, "pins-0-1"), again(2, "pins-0-0"), again(3, "pins-0-0"))

    assert outcome == BatchOutcome(rows=3, duplicates=1)


def test_progress_that_was_taken_away_makes_nothing_a_repeat_of_itself(database: Connection) -> None:
    batch = [again(0), again(1), again(2, title="other")]
    write(database, *batch)
    database.execute("DELETE FROM stream_progress")

    write(database, *batch)

    tables = ("pinterest_stream", "stream_duplicates", "stream_conflicts")
    assert [count(database, table) for table in tables] == [2, 1, 1]


def test_an_event_id_that_very_many_pins_have_holds_nothing_up(database: Connection) -> None:
    def batch(first: int) -> list[str]:
        return [again(offset, unique_id=f"pin {offset}") for offset in range(first, first + 10_000)]

    write(database, *batch(0))

    # In a second: a comparison of each with each would take minutes.
    assert write(database, *batch(10_000)).conflicts == 10_000


def test_the_days_of_the_stream_tell_repeats_and_conflicts(database: Connection) -> None:
    write(database, again(0), again(1), again(2, title="other"), cleaned(3, reason="no pin", original=""))

    days = rows(database, "SELECT records, pins, rejects, duplicates, conflicts FROM stream_days")
    assert days == [(4, 2, 1, 1, 1)]


def test_a_reject_keeps_its_text_and_its_reason(database: Connection) -> None:
    write(database, cleaned(0, original="[]", reason="the value is not a JSON object"))

    found = rows(database, "SELECT original, reason FROM stream_rejects")
    assert found == [("[]", "the value is not a JSON object")]
    assert next_offsets(database, "pins") == {0: 1}


def test_a_batch_that_fails_stores_nothing(database: Connection) -> None:
    with pytest.raises(psycopg.errors.NotNullViolation):
        write(database, cleaned(0), cleaned(1, category=None))

    assert (count(database, "pinterest_stream"), next_offsets(database, "pins")) == (0, {})


def test_followers_are_those_of_the_newest_post_not_of_the_last_arrival(database: Connection) -> None:
    hour = timedelta(hours=1)
    write(database, cleaned(0, at=NOON + hour, follower_count=20), cleaned(1, at=NOON, follower_count=10))
    assert profile(database) == (2, 20, NOON + hour)

    write(database, cleaned(2, at=NOON - hour, follower_count=5))
    assert profile(database) == (3, 20, NOON + hour)

    write(database, cleaned(3, at=NOON + 2 * hour, follower_count=None))
    assert profile(database) == (4, 20, NOON + 2 * hour)

    write(database, cleaned(4, at=NOON + 3 * hour, follower_count=7))
    assert profile(database) == (5, 7, NOON + 3 * hour)


def test_a_pin_without_a_poster_is_stored_and_has_no_profile(database: Connection) -> None:
    write(database, cleaned(0, poster_name=None))

    assert (count(database, "pinterest_stream"), count(database, "profile_popularity")) == (1, 0)


def test_every_day_of_a_batch_has_its_partition(database: Connection) -> None:
    write(database, cleaned(0), cleaned(1, at=datetime(1999, 12, 31, tzinfo=UTC)))

    days = rows(database, "SELECT ingest_date FROM pinterest_stream ORDER BY 1")
    assert days == [(date(1999, 12, 31),), (date(2026, 11, 16),)]


def test_a_run_that_was_replaced_writes_nothing(database: Connection) -> None:
    with pytest.raises(StreamTakenOverError, match="an older run no longer owns the stream of pins: the run does"):
        write(database, cleaned(0), owner="an older run")

    assert (count(database, "pinterest_stream"), next_offsets(database, "pins")) == (0, {})


def test_a_record_of_a_day_that_is_not_kept_is_counted_and_passed(database: Connection) -> None:
    database.execute("INSERT INTO stream_retention (kept_from) VALUES ('2026-11-16')")
    late = NOON - timedelta(days=2)

    outcome = write(database, cleaned(0, at=late), cleaned(1, at=late, reason="no pin"), cleaned(2))
    again = write(database, cleaned(3, at=late))

    assert (outcome, again) == (BatchOutcome(rows=1, late=2), BatchOutcome(late=1))
    assert rows(database, "SELECT ingest_date, records FROM stream_late_records") == [(late.date(), 3)]
    assert (count(database, "stream_rejects"), next_offsets(database, "pins")) == (0, {0: 4})


def test_the_last_hour_counts_what_was_posted_in_it(database: Connection) -> None:
    now = datetime.now(UTC)
    write(
        database,
        cleaned(0, at=now - timedelta(minutes=70)),
        cleaned(1, at=now - timedelta(minutes=5), follower_count=30),
        cleaned(2, at=now - timedelta(minutes=2), follower_count=None),
        cleaned(3, at=now - timedelta(minutes=50), poster_name="Grace"),
    )

    popular = rows(database, "SELECT poster_name, posts, latest_follower_count FROM popular_profiles_last_hour")
    assert popular == [("Ada", 2, 30), ("Grace", 1, 10)]
