"""Days of the stream in real PostgreSQL: made ahead, dropped after their time, and profiles that follow."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from pinterest_platform.settings import Settings
from pinterest_platform.stores.postgres import Connection
from pinterest_platform.stores.stream_retention import kept_from
from pinterest_platform.stream.day_partitions import keep_days
from pinterest_platform.stream.ownership import take_over
from pinterest_platform.stream.profiles import differing_profiles, rebuild_profiles
from pinterest_platform.stream.sink import BatchOutcome, write_batch
from pinterest_platform_tests.servers.cleaned import NOON, cleaned

TODAY = date(2026, 11, 18)
A_DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _owned(stores: Settings, database: Connection) -> None:
    database.execute("DROP TABLE IF EXISTS pinterest_stream_2026_11_20")
    take_over(stores.model_copy(update={"kafka_topic": "pins"}), "the test")


def write(database: Connection, *lines: str) -> BatchOutcome:
    return write_batch(database, "pins", "the test", lines)


def has_partition(database: Connection, day: str) -> bool:
    return database.execute("SELECT to_regclass(%s)", [f"pinterest_stream_{day}"]).fetchone() != (None,)


def profiles(database: Connection) -> list[Any]:
    columns = "poster_name, posts, latest_follower_count"
    return database.execute(f"SELECT {columns} FROM profile_popularity ORDER BY 1").fetchall()  # noqa: S608


def test_the_days_to_come_have_their_partition_before_their_first_record(database: Connection) -> None:
    assert keep_days(database, TODAY, retention_days=-1) == []

    assert [has_partition(database, f"2026_11_{day}") for day in (18, 19, 20)] == [True, True, True]


def test_a_dropped_day_leaves_the_profiles_and_the_notes_about_it(database: Connection) -> None:
    write(
        database,
        cleaned(0, at=NOON, poster_name="gone"),
        cleaned(1, at=NOON, follower_count=7),
        cleaned(2, at=NOON, follower_count=7, event_id="event-0-1", unique_id="pin-0-1", index_id=1),
        cleaned(3, at=NOON, reason="no pin"),
        cleaned(4, at=NOON + A_DAY, follower_count=None),
    )
    assert profiles(database) == [("Ada", 2, 7), ("gone", 1, 10)]

    dropped = keep_days(database, TODAY, retention_days=1)

    assert "pinterest_stream_2026_11_16" in dropped
    assert (has_partition(database, "2026_11_16"), kept_from(database)) == (False, date(2026, 11, 17))
    assert profiles(database) == [("Ada", 1, None)]
    assert differing_profiles(database) == []
    for table in ("stream_rejects", "stream_duplicates", "stream_conflicts"):
        assert database.execute(f"SELECT FROM {table}").rowcount == 0


def test_a_late_record_does_not_bring_a_dropped_day_back(database: Connection) -> None:
    keep_days(database, TODAY, retention_days=1)

    outcome = write(database, cleaned(0, at=NOON))

    assert (outcome, has_partition(database, "2026_11_16")) == (BatchOutcome(late=1), False)


def test_a_longer_retention_does_not_pretend_that_dropped_days_are_kept(database: Connection) -> None:
    keep_days(database, TODAY, retention_days=1)
    keep_days(database, TODAY, retention_days=30)

    assert kept_from(database) == date(2026, 11, 17)


def test_a_recount_names_profiles_that_differ_and_a_rebuild_mends_them(stores: Settings, database: Connection) -> None:
    write(database, cleaned(0), cleaned(1, poster_name="Grace"), cleaned(2, poster_name="Edsger", follower_count=None))
    database.execute("UPDATE profile_popularity SET posts = 9 WHERE poster_name = 'Ada'")
    database.execute("DELETE FROM profile_popularity WHERE poster_name = 'Grace'")
    database.execute("INSERT INTO profile_popularity VALUES ('nobody', 1, NULL, now())")

    assert differing_profiles(database) == ["Ada", "Grace", "nobody"]
    assert rebuild_profiles(stores) == 3
    assert differing_profiles(database) == []
