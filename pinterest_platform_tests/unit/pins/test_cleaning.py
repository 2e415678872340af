"""The cleaning rules, over rows written here. Each rule of the contract has a test that names it."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame, Row, SparkSession

from pinterest_platform.pins.cleaning import (
    CLEAN_COLUMNS,
    RECORD_SCHEMA,
    accepted,
    clean_records,
    newest_per_pin,
    rejected,
)
from pinterest_platform.pins.event import INT64_MAX
from pinterest_platform_tests.pins import VALID_PIN, pin_without, posted

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def without(field: str) -> bytes:
    return json.dumps(pin_without(field)).encode()


def clean(spark: SparkSession, *values: bytes | None, at: datetime = NOON) -> DataFrame:
    rows = [("pins", 0, offset, at, None, value) for offset, value in enumerate(values)]
    return clean_records(spark.createDataFrame(rows, RECORD_SCHEMA))


def only(frame: DataFrame) -> Row:
    [row] = frame.collect()
    return row


def reasons(spark: SparkSession, *values: bytes | None) -> list[str | None]:
    return [row["reason"] for row in clean(spark, *values).orderBy("kafka_offset").collect()]


def test_a_pin_keeps_every_text_and_gets_the_public_columns(spark: SparkSession) -> None:
    row = only(accepted(clean(spark, posted())))

    assert tuple(row.asDict()) == CLEAN_COLUMNS
    expected = {name: value for name, value in VALID_PIN.items() if name not in ("index", "follower_count")}
    assert expected.items() <= row.asDict().items()
    assert (row["index_id"], row["follower_count"]) == (7, 12_000)


MISSING = [
    ("title", "No Title Data Available"),
    ("description", "No description available Story format"),
    ("description", "No description available"),
    ("poster_name", "User Info Error"),
    ("follower_count", "User Info Error"),
    ("tag_list", "N,o, ,T,a,g,s, ,A,v,a,i,l,a,b,l,e"),
    ("image_src", "Image src error."),
    ("title", ""),
    ("save_location", " \t\u00a0"),
]


def test_a_missing_text_is_null_in_its_own_field(spark: SparkSession) -> None:
    rows = accepted(clean(spark, *(posted(**{field: text}) for field, text in MISSING))).orderBy("kafka_offset")

    empty = [[name for name, value in row.asDict().items() if value is None] for row in rows.collect()]
    assert empty == [[field] for field, _text in MISSING]


def test_another_fields_missing_text_is_an_ordinary_text(spark: SparkSession) -> None:
    row = only(accepted(clean(spark, posted(title="User Info Error", poster_name="Image src error."))))

    assert (row["title"], row["poster_name"]) == ("User Info Error", "Image src error.")


FOLLOWERS = {
    "51k": 51_000,
    "1.5k": 1_500,
    "2M": 2_000_000,
    "2m": 2_000_000,
    "12.3M": 12_300_000,
    "1.25B": 1_250_000_000,
    "437": 437,
    "0": 0,
    "1.2345k": 1_234,
    "9223372036854775807": INT64_MAX,
    "9223372036854775808": None,
    "-5": None,
    "5 k": None,
    "5k\n": None,
    "٣": None,
    "many": None,
}


def test_follower_counts_become_whole_numbers(spark: SparkSession) -> None:
    rows = accepted(clean(spark, *(posted(follower_count=text) for text in FOLLOWERS))).orderBy("kafka_offset")

    assert dict(zip(FOLLOWERS, (row["follower_count"] for row in rows.collect()), strict=True)) == FOLLOWERS


@settings(max_examples=8)
@given(
    st.lists(
        st.tuples(
            st.decimals(min_value=0, max_value=9_000_000_000, allow_nan=False, allow_infinity=False, places=4),
            st.sampled_from(["", "k", "K", "m", "M", "b", "B"]),
        ),
        min_size=1,
        max_size=50,
    )
)
def test_any_follower_count_is_exact_and_cut_off_behind_the_point(
    spark: SparkSession, counts: list[tuple[Decimal, str]]
) -> None:
    power = {"": 0, "k": 3, "m": 6, "b": 9}
    rows = accepted(clean(spark, *(posted(follower_count=f"{number:f}{unit}") for number, unit in counts)))

    found = [row["follower_count"] for row in rows.orderBy("kafka_offset").collect()]
    exact = [int(number * 10 ** power[unit.lower()]) for number, unit in counts]
    assert found == [number if number <= INT64_MAX else None for number in exact]


@settings(max_examples=8)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), min_size=1, max_size=20))
def test_any_other_text_is_passed_on_as_it_came(spark: SparkSession, texts: list[str]) -> None:
    rows = accepted(clean(spark, *(posted(save_location=text) for text in texts))).orderBy("kafka_offset").collect()

    assert [row["save_location"] for row in rows] == [text if text.strip() else None for text in texts]


BROKEN: list[tuple[bytes | None, str]] = [
    (None, "the record has no value"),
    (b"", "the record has no value"),
    (b'{"title": "\xff"}', "the value is not UTF-8 text"),
    (b"[1, 2]", "the value is not a JSON object"),
    (b"[" + posted() + b"]", "the value is not a JSON object"),
    (posted() + b" and more", "the value is not a JSON object"),
    (posted() + posted(), "the value is not a JSON object"),
    (posted()[:-1], "the value is not a JSON object"),
    (posted() + b"][" + posted(), "the value is not a JSON object"),
    (posted() + b"}, {" + posted(), "the value is not a JSON object"),
    (posted() + b"]", "the value is not a JSON object"),
    (posted(score=float("nan")), "the value is not a JSON object"),
    (json.dumps({**VALID_PIN, "title": "a\0b"}).encode(), "a text contains the NUL character"),
    (json.dumps({**VALID_PIN, "title": "\ud800"}).encode(), "a text contains half of a surrogate pair"),
    (posted(title=["a"]), "title is not text"),
    (posted(title={"a": 1}), "title is not text"),
    (posted(unique_id=[], title="[DIY] lamp"), "unique_id is not text"),
    (posted(tag_list={}), "tag_list is not text"),
    (posted(event_id=[["a"]]), "event_id is not text"),
    (without("unique_id"), "unique_id is missing"),
    (posted(unique_id=" "), "unique_id is missing"),
    (posted(category=None), "category is missing"),
    (without("index"), "index is missing"),
    (posted(index="7"), "index is not a whole number of 64 bits"),
    (posted(index=7.5), "index is not a whole number of 64 bits"),
    (posted(index=INT64_MAX + 1), "index is not a whole number of 64 bits"),
    (posted(downloaded="1"), "downloaded is not 0 or 1"),
    (posted(downloaded=2), "downloaded is not 0 or 1"),
]


def test_what_is_no_pin_is_rejected_with_a_reason_and_its_text(spark: SparkSession) -> None:
    cleaned = clean(spark, *(value for value, _reason in BROKEN))

    rows = rejected(cleaned).orderBy("kafka_offset").collect()
    assert [row["reason"] for row in rows] == [reason for _value, reason in BROKEN]
    originals = [None if value is None else value.decode(errors="replace") for value, _reason in BROKEN]
    assert [row["original"] for row in rows] == originals
    assert accepted(cleaned).isEmpty()


def test_texts_that_only_look_nested_or_escaped_are_pins(spark: SparkSession) -> None:
    looks = [posted(title="[DIY] lamp"), posted(title="{x}"), posted(title=r"\ud800"), posted(title="🧶 \\u0000")]

    assert reasons(spark, *looks, b" \n" + posted() + b"\n") == [None] * 5


def test_a_record_without_an_event_id_gets_one_from_its_coordinates(spark: SparkSession) -> None:
    rows = accepted(clean(spark, posted(), posted(event_id="e-1"), posted(event_id=""))).orderBy("kafka_offset")

    assert [row["event_id"] for row in rows.collect()] == ["pins-0-0", "e-1", "pins-0-2"]


def test_the_day_is_the_utc_day_of_the_kafka_timestamp(spark: SparkSession) -> None:
    days = {
        datetime(2026, 11, 22, 23, 59, 59, 999000, tzinfo=UTC): date(2026, 11, 22),
        datetime(2026, 11, 23, tzinfo=UTC): date(2026, 11, 23),
        datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC): date(1969, 12, 31),
    }
    rows = [("pins", 0, offset, at, None, posted()) for offset, at in enumerate(days)]
    cleaned = accepted(clean_records(spark.createDataFrame(rows, RECORD_SCHEMA))).orderBy("kafka_offset")

    assert [row["ingest_date"] for row in cleaned.collect()] == list(days.values())


def test_the_newest_version_of_a_pin_wins_by_time_then_offset(spark: SparkSession) -> None:
    def record(offset: int, at: datetime, **changes: object) -> tuple[Any, ...]:
        return ("pins", 0, offset, at, None, posted(**changes))

    later = datetime(2026, 11, 22, 13, tzinfo=UTC)
    rows = [
        record(0, later, title="newest by time"),
        record(1, NOON, title="older"),
        record(2, NOON, unique_id="other", title="older"),
        record(3, NOON, unique_id="other", title="newest by offset"),
    ]
    newest = newest_per_pin(accepted(clean_records(spark.createDataFrame(rows, RECORD_SCHEMA))))

    assert {row["unique_id"]: row["title"] for row in newest.collect()} == {
        VALID_PIN["unique_id"]: "newest by time",
        "other": "newest by offset",
    }


def test_a_pin_that_returns_on_another_day_stands_in_both(spark: SparkSession) -> None:
    rows = [("pins", 0, day, datetime(2026, 11, 22 + day, tzinfo=UTC), None, posted()) for day in range(2)]

    assert newest_per_pin(accepted(clean_records(spark.createDataFrame(rows, RECORD_SCHEMA)))).count() == 2
