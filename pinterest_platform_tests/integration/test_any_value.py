"""Any text in any field at any 64-bit timestamp, through the real stores: the same in each, or a reject in both."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from pinterest_platform.clean_slices.manifest import clean_files
from pinterest_platform.pins.calendar import MILLISECONDS_A_DAY, MISDATED_DAY, PlausibleTimes, day_of
from pinterest_platform.pins.fields import MISSING_TEXTS
from pinterest_platform.settings import Settings
from pinterest_platform.stores.cassandra import open_session
from pinterest_platform.stores.postgres import Connection, connect
from pinterest_platform.stores.s3 import create_bucket, open_bucket
from pinterest_platform_tests.integration.conftest import empty_stream_tables
from pinterest_platform_tests.support.batch_process import run_day
from pinterest_platform_tests.support.books import differences, open_books
from pinterest_platform_tests.support.hostile_records import (
    INT64_MAX,
    INT64_MIN,
    LIMITS,
    Fate,
    HostileRecord,
    Kind,
    Way,
)
from pinterest_platform_tests.support.hostile_topic import Sent, create_topic_of_others, hostile_producers
from pinterest_platform_tests.support.pins import pin
from pinterest_platform_tests.support.rows import cassandra_rows, parquet_rows
from pinterest_platform_tests.support.streaming import stream_to_the_end

FIELDS = tuple(field for field in LIMITS if field != "follower_count")  # that one becomes a number
FEW = hypothesis_settings(
    max_examples=2,
    derandomize=True,
    phases=[Phase.generate],  # shrinking would stream and batch for an hour
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
# What the limits are about, beside what is drawn.
EDGES = [
    text for field in FIELDS for text in ({field: "x" * LIMITS[field]}, {field: "\u0800" * (LIMITS[field] // 3 + 1)})
]
Place = tuple[int, int]
Changes = dict[str, str]
Posted = tuple[Changes, int | None]  # None: now


def any_text() -> st.SearchStrategy[str]:
    """Half of a surrogate pair and NUL too, and now and then one that is too long for some field."""
    characters = st.characters(exclude_categories=[])
    return st.text(characters, max_size=60) | st.builds(
        str.__mul__, st.text(characters, max_size=4), st.integers(0, 40_000)
    )


def any_time() -> st.SearchStrategy[int | None]:
    now = int(time.time() * 1_000)
    near = st.integers(-2 * MILLISECONDS_A_DAY, 0).map(now.__add__)
    return st.none() | near | st.integers(INT64_MIN, INT64_MAX) | st.sampled_from([-1, now // 1_000, now * 1_000])


def any_pins() -> st.SearchStrategy[list[Posted]]:
    changes = st.dictionaries(st.sampled_from(FIELDS), any_text(), min_size=1, max_size=3)
    return st.lists(st.tuples(changes, any_time()), min_size=60, max_size=120)


def with_own_ids(pins: Sequence[Posted]) -> Iterator[Posted]:
    """Without those whose ids another one has: nothing here is a version or a repeat of another."""
    seen: set[tuple[str, str]] = set()
    for changes, at in pins:
        ids = {(field, text) for field, text in changes.items() if field in ("unique_id", "event_id")}
        if not ids & seen:
            yield changes, at
        seen |= ids


def fresh(settings: Settings, database: Connection) -> Settings:
    """A topic and a bucket that are new, and empty tables."""
    name = f"t{uuid.uuid4().hex[:12]}"
    own = settings.model_copy(update={"kafka_topic": name, "s3_bucket": name})
    create_topic_of_others(own)
    create_bucket(own)
    empty_stream_tables(database)
    with open_session(own) as session:
        for table in ("pinterest_batch", "pinterest_batch_categories"):
            session.execute(f"TRUNCATE {own.cassandra_keyspace}.{table}")
    return own


def send(settings: Settings, pins: Sequence[Posted]) -> list[Sent]:
    times = PlausibleTimes.now(settings.first_day)
    made = []
    for number, (changes, at) in enumerate(pins):
        kind = Kind(str(number), fate_of(changes, at, times), lambda _: ())
        way = None if at is None else Way.ALONE
        made.append((kind, [HostileRecord(written(changes), timestamp_ms=at, way=way)]))
    with hostile_producers(settings) as producers:
        return list(producers.send(made))


def written(changes: Changes) -> bytes:
    """As JSON that can spell any text: half of a surrogate pair by its escape."""
    ids = {"unique_id": str(uuid.uuid4()), "event_id": str(uuid.uuid4())}
    return json.dumps(pin(**(ids | changes))).encode()


def fate_of(changes: Changes, at: int | None, times: PlausibleTimes) -> Fate:
    """A time that is none, a text that no store takes or that is too long, and an id that says nothing are refused."""
    if at is not None and times.slice_of(at) == MISDATED_DAY:
        return Fate.MISDATED
    return Fate.REJECT if any(is_refused(field, text) for field, text in changes.items()) else Fate.ROW


def is_refused(field: str, text: str) -> bool:
    is_unstorable = "\0" in text or any("\ud800" <= character <= "\udfff" for character in text)
    is_too_long = not is_unstorable and len(text.encode()) > LIMITS[field]
    return is_unstorable or is_too_long or (field in ("unique_id", "category") and not text.strip())


def stored_text(field: str, text: str) -> str | None:
    return None if not text.strip() or text in MISSING_TEXTS.get(field, ()) else text


def run_batch(spark: SparkSession, settings: Settings, sent: Sequence[Sent]) -> list[Any]:
    """The days of everything; returns them."""
    days = sorted({day_of(one.timestamp_ms) for one in sent if one.kind.fate is not Fate.MISDATED})
    for day in days:
        run_day(settings, day, lambda: spark)
    run_day(settings, MISDATED_DAY, lambda: spark, ["clean"])
    return days


def postgres_rows(settings: Settings) -> list[dict[str, Any]]:
    with closing(connect(settings)) as connection:
        cursor = connection.execute("SELECT * FROM pinterest_stream")
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def by_place(rows: Sequence[dict[str, Any]]) -> dict[Place, dict[str, Any]]:
    return {(row["kafka_partition"], row["kafka_offset"]): row for row in rows}


@pytest.mark.filterwarnings("ignore:Generating overly large repr")  # of texts that are too long
@FEW
@given(drawn=any_pins())
def test_any_text_at_any_time_is_the_same_in_every_store_or_a_reject_in_both_layers(
    spark: SparkSession, keyspace: Settings, database: Connection, drawn: list[Posted]
) -> None:
    pins = list(with_own_ids([*((edge, None) for edge in EDGES), *drawn]))
    own = fresh(keyspace, database)
    sent = send(own, pins)
    stream_to_the_end(spark, own)
    days = run_batch(spark, own, sent)

    assert differences(open_books(own), sent) == []
    bucket = open_bucket(own)
    clean = [row for day in days for row in parquet_rows(bucket, clean_files(bucket, day))]
    stores = [by_place(clean), by_place(cassandra_rows(own)), by_place(postgres_rows(own))]
    for one in sent:
        changes = {field: text for field, text in pins[int(one.kind.name)][0].items() if field != "event_id"}
        for rows in stores if one.kind.fate is Fate.ROW else ():
            row = rows[one.partition, one.offset]
            assert {field: row[field] for field in changes} == {
                field: stored_text(field, text) for field, text in changes.items()
            }
