"""The cleaning rules, each with a test that names it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from pinterest_platform.pins.calendar import AHEAD_MS, AHEAD_OF_NOW, BEFORE_FIRST_DAY, PlausibleTimes, start_of
from pinterest_platform.pins.cleaning import (
    CLEAN_COLUMNS,
    LINE_SCHEMA,
    RECORD_SCHEMA,
    accepted,
    clean_lines,
    clean_records,
    landed_as_misdated,
    misdated,
    newest_per_pin,
    rejected,
)
from pinterest_platform.pins.fields import GREATEST_BYTES
from pinterest_platform_tests.support.pins import VALID_PIN, pin, pin_without, posted

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
INT64_MAX = 2**63 - 1


def without(field: str) -> bytes:
    return json.dumps(pin_without(field)).encode()


def followed_by(member: bytes) -> bytes:
    """A valid pin with one more member, as it is spelled here."""
    return posted()[:-1] + b"," + member + b"}"


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
    (followed_by(rb'"x":"\\ud83c\udf3f"'), "a text contains half of a surrogate pair"),
    (posted(title=["a"]), "title is not text"),
    (posted(title={"a": 1}), "title is not text"),
    (posted(unique_id=[], title="[DIY] lamp"), "unique_id is not text"),
    (posted(tag_list={}), "tag_list is not text"),
    (posted(event_id=[["a"]]), "event_id is not text"),
    (posted(unique_id=7), "unique_id is not text"),
    (posted(category=-1.5e300), "category is not text"),
    (followed_by(b'"unique_id":1e999'), "unique_id is not text"),
    (followed_by(rb'"unique\u005fid":7'), "unique_id is not text"),
    (posted(follower_count=437, title="437"), "follower_count is not text"),
    (posted(event_id=True), "event_id is not text"),
    (followed_by(b'"x":' + b"9" * 1_001), "the value is not a JSON object"),
    (followed_by(b'"x":' + b"[" * 1_000 + b"]" * 1_000), "the value is not a JSON object"),
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


def test_texts_that_only_look_like_numbers_are_pins(spark: SparkSession) -> None:
    numbers = [posted(unique_id="7", title="true", index=7), posted(follower_count="437", poster_name="437")]
    # Two lines that look as if a text field had a number: one in another object, one in a text.
    misleading = [posted(title="7", more={"title": 7}), posted(title="7", tag_list='"title": 7', unique_id="NaN")]

    assert reasons(spark, *numbers, *misleading) == [None] * 4


@pytest.mark.parametrize("letter", ["a", "é", "🌿"])
def test_a_text_may_have_as_many_bytes_as_its_field_allows_and_no_more(spark: SparkSession, letter: str) -> None:
    size = len(letter.encode())
    longest = {name: letter * (limit // size) for name, limit in GREATEST_BYTES.items()}
    too_long = [posted(**longest | {name: text + letter}) for name, text in longest.items()]

    assert reasons(spark, posted(**longest), *too_long) == [
        None,
        *(f"{name} is longer than {limit:,} bytes" for name, limit in GREATEST_BYTES.items()),
    ]


def test_a_text_that_is_only_too_long_in_its_spelling_is_a_pin(spark: SparkSession) -> None:
    spelled = json.dumps(pin(is_image_or_video="\u00e9" * 128), ensure_ascii=True).encode()
    spaced = posted(category="c" * 512, note="x" * 100_000)

    assert reasons(spark, spelled, spaced) == [None, None]


def test_a_blank_text_can_be_too_long(spark: SparkSession) -> None:
    assert reasons(spark, posted(title=" " * 8_193)) == ["title is longer than 8,192 bytes"]


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


FIRST_DAY = date(2025, 1, 1)
# Seconds, microseconds, no time at all, and what no calendar has: all that 64 bits can say.
NO_TIMES = {
    -1: BEFORE_FIRST_DAY,
    0: BEFORE_FIRST_DAY,
    1_795_348_800: BEFORE_FIRST_DAY,
    start_of(FIRST_DAY) - 1: BEFORE_FIRST_DAY,
    -62_135_596_800_001: BEFORE_FIRST_DAY,
    -(2**63): BEFORE_FIRST_DAY,
    253_402_300_800_000: AHEAD_OF_NOW,
    1_795_348_800_000_000: AHEAD_OF_NOW,
    2**63 - 1: AHEAD_OF_NOW,
}


def lines_at(spark: SparkSession, times: Iterable[int], value: str | None = None) -> DataFrame:
    rows = [("pins", 0, offset, at, value or posted().decode(), None) for offset, at in enumerate(times)]
    return spark.createDataFrame(rows, LINE_SCHEMA)


@pytest.mark.parametrize("value", [posted().decode(), "no pin"])
def test_a_timestamp_that_is_no_time_is_the_reason_of_a_reject_of_the_first_of_january_1970(
    spark: SparkSession, value: str
) -> None:
    lines = lines_at(spark, NO_TIMES, value)

    rejects = rejected(clean_lines(lines, misdated(F.col("timestamp"), FIRST_DAY))).orderBy("kafka_offset")
    rows = rejects.withColumn("ingested_at", F.unix_millis("ingested_at")).collect()

    assert dict(zip(NO_TIMES, (row["reason"] for row in rows), strict=True)) == NO_TIMES
    assert {(row["ingested_at"], row["ingest_date"]) for row in rows} == {(0, date(1970, 1, 1))}
    assert {row["original"] for row in rows} == {value}


def test_a_misdated_line_stays_misdated_whenever_it_is_cleaned(spark: SparkSession) -> None:
    lines = lines_at(spark, NO_TIMES)

    rejects = rejected(clean_lines(lines, landed_as_misdated(F.col("timestamp"), FIRST_DAY))).orderBy("kafka_offset")

    assert dict(zip(NO_TIMES, (row["reason"] for row in rejects.collect()), strict=True)) == NO_TIMES


def test_a_first_day_that_was_set_decides_what_is_before_it(spark: SparkSession) -> None:
    lines, later = lines_at(spark, [start_of(date(2026, 1, 1))]), date(2026, 2, 1)

    for misdated_when in (misdated, landed_as_misdated):
        [row] = clean_lines(lines, misdated_when(F.col("timestamp"), later)).collect()
        assert row["reason"] == BEFORE_FIRST_DAY


def test_a_time_from_the_first_day_to_an_hour_from_now_is_plausible(spark: SparkSession) -> None:
    now = int(datetime.now(UTC).timestamp() * 1_000)
    times = [start_of(FIRST_DAY), now, now + AHEAD_MS - 60_000, now + AHEAD_MS + 60_000]

    rows = clean_lines(lines_at(spark, times), misdated(F.col("timestamp"), FIRST_DAY)).orderBy("kafka_offset")

    assert [row["reason"] for row in rows.collect()] == [None, None, None, AHEAD_OF_NOW]


@settings(max_examples=5)
@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=50))
def test_any_timestamp_of_64_bits_is_judged_as_landing_judges_it(spark: SparkSession, times: list[int]) -> None:
    plausible = PlausibleTimes.now(FIRST_DAY)

    rows = clean_lines(lines_at(spark, times), misdated(F.col("timestamp"), FIRST_DAY)).orderBy("kafka_offset")

    assert [row["ingest_date"] for row in rows.collect()] == [plausible.slice_of(time) for time in times]


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

    cleaned = clean_records(spark.createDataFrame(rows, RECORD_SCHEMA))
    assert newest_per_pin(accepted(cleaned)).count() == 2
