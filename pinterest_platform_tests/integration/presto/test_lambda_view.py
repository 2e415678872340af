"""The lambda view over real stores: at any moment over two days it equals a recount of everything posted."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from pyspark.sql import SparkSession

from pinterest_platform.pins.cleaning import CLEAN_COLUMNS, CLEAN_SCHEMA, newest_per_pin
from pinterest_platform.serving.pinterest_batch import replace_batch_slices
from pinterest_platform.settings import Settings
from pinterest_platform.stores.postgres import Connection
from pinterest_platform.stores.presto import ask
from pinterest_platform.stores.saved_queries import saved_query
from pinterest_platform.stream.day_partitions import keep_days
from pinterest_platform.stream.lease import take_over
from pinterest_platform.stream.sink import write_batch
from pinterest_platform_tests.support.cleaned import as_line, cleaned_row
from pinterest_platform_tests.support.waiting import repeated

TODAY = datetime.now(UTC).date()
CLOSED = TODAY - timedelta(days=2)  # yesterday is open until one o'clock
SHOWN = ("unique_id", "category", "title", "poster_name", "follower_count", "is_image_or_video")
Row = dict[str, Any]


@dataclass
class Platform:
    """What was posted, and both layers, written by the code that writes them."""

    spark: SparkSession
    settings: Settings
    database: Connection
    posted: list[Row] = field(default_factory=list)
    streamed: int = 0

    def post(self, day: date, pin: str, **changes: Any) -> None:
        """A post of the day, a second after the one before."""
        offset = len(self.posted)
        at = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(seconds=offset)
        self.posted.append(cleaned_row(offset, at=at, **{"unique_id": pin, "title": f"version {offset}"} | changes))

    def stream(self) -> None:
        """The stream comes to the end of what was posted."""
        lines = [as_line(row) for row in self.posted[self.streamed :]]
        write_batch(self.database, "pins", "the test", lines)
        self.streamed += len(lines)

    def run_batch(self, *days: date, posted: int | None = None) -> None:
        """The batch of these days, which has read the first so many posts (all)."""
        rows = [row for row in each_event_once(self.posted[:posted]) if row["ingest_date"] in days]
        pins = self.spark.createDataFrame([tuple(map(row.get, CLEAN_COLUMNS)) for row in rows], CLEAN_SCHEMA)
        replace_batch_slices(newest_per_pin(pins), self.settings, days)

    def view(self) -> list[tuple[Any, ...]]:
        query = saved_query(self.settings, "newest_version_of_every_pin")
        return ask(self.settings, query.filled(self.settings, {"rows": "ALL"})).rows

    def version(self, title: str) -> datetime:
        """When the post with this title was received."""
        received: datetime = self.posted[int(title.removeprefix("version "))]["ingested_at"]
        return received

    def recount(self) -> list[tuple[Any, ...]]:
        """Everything posted, counted by hand: one row a pin, newest first."""
        in_order = sorted(each_event_once(self.posted), key=lambda row: (row["ingested_at"], row["kafka_offset"]))
        newest = {row["unique_id"]: row for row in in_order}
        rows = sorted(newest.values(), key=lambda row: (row["ingested_at"], row["kafka_offset"]), reverse=True)
        return [(*map(row.get, SHOWN), f"{row['ingested_at']:%Y-%m-%d %H:%M:%S}.000") for row in rows]

    def assert_the_view_is_a_recount(self) -> list[tuple[Any, ...]]:
        view = self.view()
        assert [row[:-1] for row in view] == self.recount()
        return view


@pytest.fixture
def platform(spark: SparkSession, layers: Settings, database: Connection) -> Platform:
    take_over(layers.model_copy(update={"kafka_topic": "pins"}), "the test")
    return Platform(spark, layers, database)


def test_the_view_is_a_recount_at_every_moment_of_two_days(platform: Platform) -> None:
    platform.assert_the_view_is_a_recount()  # before anything was posted

    for pin in ("a", "b", "c", "d"):
        platform.post(CLOSED, pin)
    platform.post(CLOSED, "a", poster_name=None)
    platform.stream()
    platform.run_batch(CLOSED, posted=3)  # the day was not over
    platform.assert_the_view_is_a_recount()

    first = platform.posted[1]
    platform.post(CLOSED, "b", event_id=first["event_id"], index_id=first["index_id"], title=first["title"])  # again
    platform.post(TODAY, "c", category="travel")
    platform.post(TODAY, "e", follower_count=None)
    platform.stream()
    platform.assert_the_view_is_a_recount()  # the day is closed, and its batch has not run since

    platform.run_batch(CLOSED)
    view = platform.assert_the_view_is_a_recount()
    assert {row[0]: row[-1] for row in view} == {
        "a": "batch", "b": "batch", "c": "stream", "d": "batch", "e": "stream"
    }  # fmt: skip

    platform.post(CLOSED, "d", category="quotes")  # late
    platform.post(TODAY, "e", category="art")
    platform.stream()
    platform.run_batch(TODAY, posted=len(platform.posted) - 1)
    platform.assert_the_view_is_a_recount()  # one day has grown, the other one is under way

    platform.run_batch(CLOSED, TODAY)
    platform.assert_the_view_is_a_recount()

    keep_days(platform.database, TODAY, retention_days=0)
    view = platform.assert_the_view_is_a_recount()  # the stream has dropped the closed day
    assert {row[0]: row[-1] for row in view}["d"] == "batch"


def test_no_pin_is_missing_or_older_than_it_was_while_both_layers_are_written(platform: Platform) -> None:
    chance, pins = random.Random(6), [f"pin {number}" for number in range(40)]
    for pin in pins:
        platform.post(CLOSED, pin)
    platform.stream()

    def post_and_stream() -> None:
        for _ in range(5):
            platform.post(chance.choice((CLOSED, TODAY, TODAY)), chance.choice(pins), category=chance.choice("xyz"))
        platform.stream()
        time.sleep(0.05)

    looks = 0
    with repeated(post_and_stream), repeated(lambda: platform.run_batch(CLOSED, TODAY)):
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            earliest = newest_versions(platform.posted[: platform.streamed])
            view = platform.view()
            latest = newest_versions(list(platform.posted))
            seen = {row[0]: platform.version(row[2]) for row in view}
            assert seen.keys() == earliest.keys()
            assert all(earliest[pin] <= version <= latest[pin] for pin, version in seen.items())
            looks += 1

    assert looks >= 2
    platform.assert_the_view_is_a_recount()


def each_event_once(rows: list[Row]) -> list[Row]:
    """The first copy of every event."""
    return list({row["event_id"]: row for row in reversed(rows)}.values())


def newest_versions(rows: list[Row]) -> dict[str, datetime]:
    newest: dict[str, datetime] = {}
    for row in rows:
        newest[row["unique_id"]] = max(newest.get(row["unique_id"], row["ingested_at"]), row["ingested_at"])
    return newest
