"""The three JSON readers agree about every value: the API's, the cleaning's in Spark, and reconciliation's."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from ingest_api.posted_event import PostedEvent, RefusedPinError, read_event
from pinterest_platform.pins.cleaning import RECORD_SCHEMA, clean_records
from pinterest_platform.pins.fields import GREATEST_BYTES
from pinterest_platform.reconciliation.superseded import Versions, versions_in
from pinterest_platform_tests.support.pins import VALID_PIN, pin, posted

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
# Half of a pair after an escaped backslash, a pair after one, and what only looks like half of a pair.
SURROGATES = (r"\\\ud83c", r"\\\ud83c\udf3f", r"\\ud83c\udf3f", r"\\ud83c", r"\ud83c\\\udf3f", r"\ud83c\ud83c\udf3f")


def spelled(value: Any) -> str:
    """The value as JSON."""
    return json.dumps(value)


def digits(size: int) -> list[str]:
    """Numbers of about so many digits, in front of the point, behind it and in the exponent."""
    return [
        "9" * size,
        "-" + "9" * size,
        "0." + "9" * size,
        "1e-" + "9" * size,
        "1" * (size - 3) + ".5",
        "1.5e" + "0" * size,
    ]


def nested(levels: int) -> list[str]:
    return ["[" * levels + "]" * levels, '{"a":' * levels + "1" + "}" * levels]


# What an additional field may hold, as it is spelled.
FRAGMENTS = [
    *(number for size in (308, 309, 998, 999, 1_000, 1_001, 4_301) for number in digits(size)),
    *(value for levels in (198, 199, 200, 201, 990, 1_000, 1_030) for value in nested(levels)),
    *(f'"{text}"' for text in SURROGATES),
    *(f'{{"{text}": 1}}' for text in SURROGATES),
    *("1e308", "1e309", "-0", "-0.0", "01", "1.", ".5", "+1", "NaN", "Infinity", "-Infinity", "0x1", "1e1000000"),
    *(
        r'"\u0000"',
        r'"\x"',
        r'"\u12"',
        '"\t"',
        '"\x7f"',
        '"]"',
        '"}{"',
        '"\ufffd"',
        '"\ufeff"',
        "[1,]",
        '{"a":1,}',
        "// 1",
    ),
    *("'a'", "tru", "nul", "null", "true", '{"a":1,"a":2}', "[]]", '"a" "b"'),
]
ANY_TEXT = st.text(st.characters(exclude_categories=[]), max_size=8)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=6,
)
VALUES = (
    st.sampled_from(FRAGMENTS) | ANY_JSON.map(spelled) | ANY_TEXT.map(lambda text: json.dumps(text, ensure_ascii=False))
)
NAMES = st.sampled_from([*VALID_PIN, "event_id", r"unique\u005fid", "more"]) | ANY_TEXT.map(
    lambda text: spelled(text)[1:-1]
)
SPACE = st.sampled_from(["", " ", "\n\t\r", "\f", "\ufeff", "\u00a0"])


@st.composite
def long_values(draw: st.DrawFn) -> str:
    """A pin with one text of about its greatest length."""
    name, limit = draw(st.sampled_from(list(GREATEST_BYTES.items())))
    letter = draw(st.sampled_from(["a", "é", "ハ", "🌿", " "]))
    text = letter * (limit // len(letter.encode())) + draw(st.sampled_from(["", "a", "é"]))
    return json.dumps(pin(**{name: text}), ensure_ascii=draw(st.booleans()))


@st.composite
def spelled_pins(draw: st.DrawFn) -> str:
    """A pin with members changed, added and repeated, spelled in odd ways."""
    members = [(name, spelled(value)) for name, value in VALID_PIN.items()]
    changes = draw(st.lists(st.tuples(NAMES, VALUES), max_size=2))
    replaced = [(name, dict(changes).get(name, value)) for name, value in members]
    chosen = draw(st.sampled_from([replaced, [*members, *changes], [*changes, *members]]))
    space = draw(SPACE)
    written = ",".join(f'"{name}":{space}{value}' for name, value in chosen)
    return f"{space}{{{written}}}{draw(SPACE)}"


BODIES = (spelled_pins() | long_values()).map(lambda text: text.encode("utf-8", "surrogatepass"))


def api_reads(body: bytes) -> PostedEvent | None:
    try:
        return read_event(body, lambda: "given")
    except RefusedPinError:
        return None


def cleaned(spark: SparkSession, values: list[bytes]) -> list[Any]:
    rows = [("pins", 0, offset, NOON, None, value) for offset, value in enumerate(values)]
    frame = clean_records(spark.createDataFrame(rows, RECORD_SCHEMA))
    return frame.orderBy("kafka_offset").collect()


def account_finds(value: bytes) -> list[int]:
    line = {"value": value.decode(), "timestamp": 0, "offset": 0, "partition": 0}
    return list(versions_in([line]).hashes)


def assert_the_readers_agree(spark: SparkSession, bodies: list[bytes]) -> None:
    events = [api_reads(body) for body in bodies]
    rows = cleaned(spark, [event.value if event else body for event, body in zip(events, bodies, strict=True)])
    for event, body, row in zip(events, bodies, rows, strict=True):
        if event is not None:
            assert (row["reason"], row["unique_id"], row["event_id"]) == (None, event.unique_id, event.event_id), body
        if row["reason"] is None:
            assert account_finds(event.value if event else body) == list(Versions.of([row["unique_id"]]).hashes), body


def test_odd_values_in_additional_fields_are_read_alike(spark: SparkSession) -> None:
    bodies = [posted()[:-1] + f',"more":{fragment}}}'.encode() for fragment in FRAGMENTS]

    assert_the_readers_agree(spark, bodies)


def test_odd_values_in_the_place_of_a_text_are_read_alike(spark: SparkSession) -> None:
    known = posted(unique_id="?").split(b'"?"')

    assert_the_readers_agree(spark, [fragment.encode().join(known) for fragment in FRAGMENTS])


@settings(max_examples=15)
@given(bodies=st.lists(BODIES, min_size=40, max_size=60))
def test_what_the_api_takes_is_a_row_and_the_account_knows_every_rows_pin(
    spark: SparkSession, bodies: list[bytes]
) -> None:
    assert_the_readers_agree(spark, bodies)
