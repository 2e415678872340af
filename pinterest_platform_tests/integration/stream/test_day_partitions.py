"""The stream's day partitions in real PostgreSQL: created ahead, dropped after retention; profiles follow."""

from __future__ import annotations

import threading
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from pinterest_platform.settings import Settings
from pinterest_platform.stores.postgres import Connection, connect
from pinterest_platform.stores.stream_retention import kept_from
from pinterest_platform.stream.day_partitions import keep_days
from pinterest_platform.stream.lease import take_over
from pinterest_platform.stream.profiles import RecountUnderWayError, differing_profiles, rebuild_profiles
from pinterest_platform.stream.sink import BatchOutcome, write_batch
from pinterest_platform_tests.support.cleaned import NOON, cleaned

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


def test_a_day_leaves_in_pieces_and_profiles_are_right_after_each(database: Connection, stores: Settings) -> None:
    posters = [f"poster {number % 70}" for number in range(200)]
    write(database, *(cleaned(number, at=NOON, poster_name=name) for number, name in enumerate(posters)))
    write(database, *(cleaned(200 + number, at=NOON + A_DAY, poster_name=f"poster {number}") for number in range(20)))
    seen = []
    with closing(connect(stores, autocommit=True)) as beside:
        leaving = threading.Thread(target=keep_days, args=(database, TODAY, 1, 10))
        leaving.start()
        while leaving.is_alive():
            seen.append(differing_profiles(beside))

    assert seen.count([]) == len(seen)
    assert not has_partition(database, "2026_11_16")
    assert profiles(database) == [(f"poster {number}", 1, 10) for number in sorted(range(20), key=str)]


def test_a_reader_of_an_old_day_delays_its_partition_and_neither_its_rows_nor_other_readers(
    database: Connection, stores: Settings
) -> None:
    write(database, cleaned(0, at=NOON), cleaned(1, at=NOON + A_DAY))
    with closing(connect(stores)) as reader:
        reader.execute("SELECT count(*) FROM pinterest_stream").fetchall()

        assert "pinterest_stream_2026_11_16" not in keep_days(database, TODAY, retention_days=1)
        assert (has_partition(database, "2026_11_16"), profiles(database)) == (True, [("Ada", 1, 10)])

    assert "pinterest_stream_2026_11_16" in keep_days(database, TODAY, retention_days=1)


def test_a_misdated_reject_belongs_to_no_day_that_is_dropped(database: Connection) -> None:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    write(database, cleaned(0, at=epoch, reason="its timestamp is before the first day"))
    keep_days(database, TODAY, retention_days=1)

    outcome = write(database, cleaned(1, at=epoch, reason="its timestamp is before the first day"))
    keep_days(database, TODAY, retention_days=1)

    assert outcome == BatchOutcome(rejects=1)
    assert database.execute("SELECT FROM stream_rejects").rowcount == 2


def test_two_recounts_do_not_overlap(database: Connection, stores: Settings) -> None:
    with closing(connect(stores, autocommit=True)) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [7_463_802])
        with pytest.raises(RecountUnderWayError):
            differing_profiles(database)
        other.execute("SELECT pg_advisory_unlock(%s)", [7_463_802])

    assert differing_profiles(database) == []


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
