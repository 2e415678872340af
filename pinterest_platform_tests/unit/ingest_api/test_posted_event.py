from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest_api import posted_event
from ingest_api.posted_event import PostedEvent, Problem, RefusedPinError, read_event, with_members
from pinterest_platform.pins.event import PostedPin
from pinterest_platform.pins.fields import GREATEST_BYTES
from pinterest_platform_tests.support.pins import VALID_PIN, pin, pin_without


def new_event_id() -> str:
    return "given"


def read(body: bytes) -> PostedEvent:
    return read_event(body, new_event_id)


def problems_of(body: bytes | dict[str, Any]) -> list[Problem]:
    with pytest.raises(RefusedPinError) as refusal:
        read(body if isinstance(body, bytes) else json.dumps(body).encode())
    return list(refusal.value.problems)


def test_a_missing_event_id_is_appended_and_everything_else_is_kept() -> None:
    body = b' {"zeta":1.10,"big":123456789012345678901234567890,' + json.dumps(VALID_PIN).encode()[1:] + b"\n"
    event = read(body)
    assert event.value == body.strip()[:-1] + b',"event_id":"given"}'
    assert (event.unique_id, event.event_id) == (VALID_PIN["unique_id"], "given")


def test_a_body_with_an_event_id_is_kept_as_it_is() -> None:
    body = json.dumps(pin(event_id="mine"), indent=1).encode()
    assert read(body) == PostedEvent(VALID_PIN["unique_id"], "mine", value=body, echo=body)


def test_null_asks_for_an_event_id() -> None:
    event = read(json.dumps(pin(event_id=None, more=[1.5, "é"])).encode())
    assert json.loads(event.value) == pin(more=[1.5, "é"], event_id="given")
    assert event.value.count(b"event_id") == 1


@pytest.mark.parametrize("field", VALID_PIN)
def test_every_field_is_needed(field: str) -> None:
    assert problems_of(pin_without(field)) == [Problem(field, "Field required")]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"unique_id": " "}, Problem("unique_id", "must not be empty")),
        ({"category": ""}, Problem("category", "must not be empty")),
        ({"index": "7"}, Problem("index", "Input should be a valid integer")),
        ({"index": 7.0}, Problem("index", "Input should be a valid integer")),
        ({"index": True}, Problem("index", "Input should be a valid integer")),
        ({"downloaded": 2}, Problem("downloaded", "Input should be less than or equal to 1")),
        ({"downloaded": True}, Problem("downloaded", "Input should be a valid integer")),
        ({"downloaded": 1.0}, Problem("downloaded", "Input should be a valid integer")),
        ({"follower_count": 51}, Problem("follower_count", "Input should be a valid string")),
        ({"title": None}, Problem("title", "Input should be a valid string")),
        ({"title": "a\x00"}, Problem("title", "must not contain the NUL character")),
        ({"title": "\ud800"}, Problem("title", "must not contain half of a surrogate pair")),
        ({"event_id": ""}, Problem("event_id", "must not be empty")),
    ],
)
def test_a_wrong_value_is_named_with_its_reason(changes: dict[str, Any], problem: Problem) -> None:
    assert problems_of(pin(**changes)) == [problem]


@pytest.mark.parametrize(
    ("further", "problem"),
    [
        ({"x": float("nan")}, Problem("x", "must be a finite number that 64 bits can hold")),
        ({"x": {"y": [0, float("-inf")]}}, Problem("x.y[1]", "must be a finite number that 64 bits can hold")),
        ({"x": ["\x00"]}, Problem("x[0]", "must not contain the NUL character")),
        ({"x": "\udfff"}, Problem("x", "must not contain half of a surrogate pair")),
        ({"\x00": 1}, Problem("\x00", "must not contain the NUL character")),
    ],
)
def test_a_further_field_is_refused_for_what_no_store_can_hold(further: dict[str, Any], problem: Problem) -> None:
    assert problems_of(pin(**further)) == [problem]


@pytest.mark.parametrize("ascii_only", [True, False])
def test_a_field_that_is_not_a_number_is_named(ascii_only: bool) -> None:
    [problem] = problems_of(json.dumps(pin(index=float("nan")), ensure_ascii=ascii_only).encode())
    assert problem.field == "index"


def test_a_number_beyond_64_bits_is_refused() -> None:
    body = json.dumps(VALID_PIN).encode()[:-1] + b',"x":1e999}'
    assert problems_of(body) == [Problem("x", "must be a finite number that 64 bits can hold")]


def test_a_whole_surrogate_pair_is_a_character() -> None:
    body = json.dumps(pin(title="🌿"), ensure_ascii=True).encode()
    assert b"\\ud83c\\udf3f" in read(body).value


def test_a_name_that_is_given_twice_is_refused_because_readers_disagree_about_it() -> None:
    body = json.dumps(VALID_PIN).encode()[:-1] + b',"title":"another"}'
    assert problems_of(body) == [Problem("title", "is given more than once")]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "is not JSON: Expecting value at line 1 column 1"),
        (b'{"title": \n oops}', "is not JSON: Expecting value at line 2 column 2"),
        (b'{"title": "\xe9"}', "is not UTF-8 text: byte 11 is invalid continuation byte"),
        (b"[" * 20_000, "is nested too deeply"),
        (b"[]", "Input should be an object"),
        (b"null", "Input should be an object"),
        (json.dumps("pin").encode("utf-16"), "is not UTF-8 text: byte 0 is invalid start byte"),
    ],
)
def test_a_body_that_is_no_json_object_is_refused_as_a_whole(body: bytes, reason: str) -> None:
    assert problems_of(body) == [Problem(None, reason)]


@pytest.mark.parametrize("number", ["9" * 1_001, "-" + "9" * 1_000, "0." + "9" * 999, "1e" + "9" * 999, "9" * 5_000])
def test_a_number_of_thousands_of_digits_is_refused_because_the_cleaning_cannot_read_it(number: str) -> None:
    body = json.dumps(VALID_PIN).encode()[:-1] + f',"x":[{number}]}}'.encode()
    assert problems_of(body) == [Problem(None, "contains a number of more than 1,000 characters")]


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_what_is_nested_in_more_than_200_levels_is_refused(opening: str, closing: str) -> None:
    def body(levels: int) -> bytes:
        value = opening * (levels - 1) + "1" + closing * (levels - 1)
        return json.dumps(VALID_PIN).encode()[:-1] + f',"x":{value}}}'.encode()

    assert read(body(200)).unique_id == VALID_PIN["unique_id"]
    for levels in (201, 900):
        assert problems_of(body(levels)) == [Problem(None, "is nested in more than 200 levels")]


LIMITS = [(field, limit, letter) for field, limit in GREATEST_BYTES.items() for letter in ("a", "é", "ハ", "🌿")]


@pytest.mark.parametrize(("field", "limit", "letter"), LIMITS)
def test_a_text_of_more_bytes_than_its_field_may_have_is_refused(field: str, limit: int, letter: str) -> None:
    longest = letter * (limit // len(letter.encode()))

    for body in (pin(**{field: longest}), pin(**{field: longest, "more": 1})):
        assert read(json.dumps(body, ensure_ascii=False).encode()).unique_id == body["unique_id"]
        assert problems_of(body | {field: longest + letter}) == [
            Problem(field, f"must not be longer than {limit:,} bytes")
        ]


def test_the_schema_says_how_long_a_text_may_be() -> None:
    properties = PostedPin.model_json_schema()["properties"]

    assert properties["poster_name"]["maxLength"] == 1_024
    assert properties["poster_name"]["description"] == "The profile that posted it. At most 1,024 bytes of UTF-8."
    assert properties["event_id"]["anyOf"][0]["maxLength"] == 512


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=[])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=[])), inner),
    max_leaves=8,
)
CHANGED_PINS = st.dictionaries(st.sampled_from([*VALID_PIN, "event_id", "further"]), ANY_JSON, max_size=3).map(
    lambda changes: json.dumps(VALID_PIN | changes).encode()
)


@given(body=st.binary() | ANY_JSON.map(json.dumps).map(str.encode) | CHANGED_PINS)
def test_any_body_is_an_event_that_a_strict_reader_understands_or_is_refused(body: bytes) -> None:
    try:
        event = read(body)
    except RefusedPinError:
        return
    assert orjson.loads(event.value)["event_id"] == event.event_id


def test_members_are_appended_to_a_json_object() -> None:
    assert with_members(b'{"a":1}', b="é", c=2) == '{"a":1,"b":"é","c":2}'.encode()


COLONS = st.text('a:", \\{}é\t\u00a0')
# Around a quarter, where the fast reader stops to be sure, and around the greatest length itself.
LONG_TEXTS = st.builds(
    lambda letter, bytes_, more: letter * (bytes_ // len(letter.encode()) + more),
    st.sampled_from("aéハ🌿"),
    st.sampled_from([size for limit in GREATEST_BYTES.values() for size in (limit // 4, limit)]),
    st.integers(-1, 1),
)
NAMES = st.sampled_from([*VALID_PIN, "event_id"])
WHITE_SPACE = st.sampled_from(["", " ", "\n\t"])
VALUES = st.one_of(
    COLONS,
    LONG_TEXTS,
    st.none(),
    st.integers(-(2**64), 2**64),
    st.floats(),
    st.booleans(),
    st.lists(COLONS, max_size=2),
)


@st.composite
def spelled_pins(draw: st.DrawFn) -> bytes:
    """A pin with some values changed, some names given twice, and white space in odd places."""
    members = list((VALID_PIN | draw(st.dictionaries(NAMES, VALUES, max_size=3))).items())
    members += draw(st.lists(st.tuples(NAMES | COLONS, VALUES), max_size=2))
    space, ascii_only = draw(WHITE_SPACE), draw(st.booleans())
    written = (
        f"{space}{json.dumps(name, ensure_ascii=ascii_only)}{space}:{json.dumps(value, ensure_ascii=ascii_only)}"
        for name, value in members
    )
    return f"{space}{{{','.join(written)}{space}}}{space}".encode()


LONG_PINS = st.dictionaries(st.sampled_from(list(GREATEST_BYTES)), LONG_TEXTS, max_size=2).map(
    lambda changes: json.dumps(VALID_PIN | changes, ensure_ascii=False).encode()
)


@settings(max_examples=300)
@given(body=spelled_pins() | CHANGED_PINS | LONG_PINS)
def test_the_fast_reader_takes_what_the_careful_one_takes_and_makes_the_same_of_it(body: bytes) -> None:
    plain = posted_event._plain_event(body, new_event_id)
    if plain is not None:
        assert posted_event._careful_event(body, new_event_id) == plain


def test_an_ordinary_pin_is_read_by_the_fast_reader() -> None:
    body = json.dumps(VALID_PIN, ensure_ascii=False).encode()
    assert posted_event._plain_event(body, new_event_id) == posted_event._careful_event(body, new_event_id)
