from __future__ import annotations

import json
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_api.posted_batch import BatchReader, EventResult, TooManyEventsError
from ingest_api.posted_event import PostedEvent, Problem, RefusedPinError
from pinterest_platform_tests.support.pins import pin, pin_without


def reader(event_limit: int = 1_000, byte_limit: int = 32 * 1024) -> BatchReader:
    ids = count(1)
    return BatchReader(event_limit, byte_limit, lambda: f"given-{next(ids)}")


def accepted(event_results: Any) -> list[bytes]:
    return [event_result.value for event_result in event_results if isinstance(event_result, PostedEvent)]


def problems(event_result: EventResult) -> tuple[Problem, ...]:
    assert isinstance(event_result, RefusedPinError)
    return event_result.problems


def array(*pins: Any, indent: int | None = None) -> bytes:
    return json.dumps(pins, ensure_ascii=False, indent=indent).encode()


def test_events_of_an_array_are_cut_out_as_they_were_sent() -> None:
    first, second = (json.dumps(pin(event_id=name), indent=1).encode() for name in "ab")
    assert accepted(reader().read_array(b" [" + first + b" ,\n " + second + b"]\n")) == [first, second]


def test_events_of_lines_are_taken_as_they_were_sent_and_blank_lines_are_no_events() -> None:
    first, second = (json.dumps(pin(event_id=name)).encode() for name in "ab")
    assert accepted(reader().read_lines(b"\n" + first + b"\r\n \n" + second)) == [first, second]


def test_each_event_is_judged_alone() -> None:
    event_results = reader().read_array(array(pin(event_id="a"), pin_without("title"), 7, pin(event_id="b")))
    assert [event_result.event_id for event_result in event_results if isinstance(event_result, PostedEvent)] == [
        "a",
        "b",
    ]
    assert problems(event_results[1]) == (Problem("title", "Field required"),)
    assert problems(event_results[2]) == (Problem(None, "Input should be an object"),)


def test_a_broken_line_costs_only_itself() -> None:
    event_results = reader().read_lines(b"{oops\n" + json.dumps(pin(event_id="a")).encode())
    [problem] = problems(event_results[0])
    assert problem.reason.startswith("is not JSON")
    assert len(accepted(event_results)) == 1


@pytest.mark.parametrize("text", ["},{", '"},{"', "}, \n{", '\\"},{\\"', "[{},{}]"])
def test_a_text_that_looks_like_a_seam_between_events_is_none(text: str) -> None:
    pins = [pin(event_id="a", title=text), pin(event_id="b", more=[{"x": text}, {"y": [{}, {}]}])]
    assert [json.loads(value) for value in accepted(reader().read_array(array(*pins)))] == pins


def test_a_text_of_an_event_that_is_too_large_cannot_pass_for_an_event() -> None:
    smuggled = json.dumps(pin(event_id="smuggled"))
    body = '[{"title": "' + "x" * 200 + "}," + smuggled.replace('"', '\\"') + ',{"}]'
    assert accepted(reader(byte_limit=150).read_array(body.encode())) == []
    whole = '[{"title": "' + "x" * 200 + '"},' + smuggled + "]"
    assert len(accepted(reader(byte_limit=len(smuggled.encode())).read_array(whole.encode()))) == 1


@pytest.mark.parametrize(
    "member",
    ['"more": ' + "9" * 5_000, '"more": ' + "[" * 300 + "]" * 300, f'"title": "{"x" * 8_193}"', '"poster_name": 1e999'],
)
def test_an_event_that_is_refused_for_what_it_holds_leaves_the_others(member: str) -> None:
    hostile = json.dumps(pin_without(member.split('"')[1]))[:-1] + f", {member}}}"
    body = f"[{json.dumps(pin(event_id='a'))}, {hostile}, {json.dumps(pin(event_id='b'))}]".encode()

    event_results = reader().read_array(body)

    assert [isinstance(event_result, RefusedPinError) for event_result in event_results] == [False, True, False]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{}", "is not a JSON array"),
        (b"", "is not a JSON array"),
        (b"[{}", "is not JSON: Expecting ',' or ']' at line 1 column 4"),
        (b"[{}x", "is not JSON: Expecting ',' or ']' at line 1 column 4"),
        (b"[{},]", "is not JSON: Expecting value at line 1 column 5"),
        (b"[{}]]", "is not JSON: Expecting ',' or ']' at line 1 column 4"),
        (b'["\xff"]', "is not UTF-8 text: byte 2 is invalid start byte"),
        (b"[" * 20_000, "is nested too deeply"),
    ],
)
def test_a_body_that_is_no_array_is_refused_as_a_whole(body: bytes, reason: str) -> None:
    with pytest.raises(RefusedPinError) as refusal:
        reader().read_array(body)
    assert refusal.value.problems == (Problem(None, reason),)


@pytest.mark.parametrize("body", [b"[]", b"[ \n ]"])
def test_an_empty_array_has_no_events(body: bytes) -> None:
    assert reader().read_array(body) == []


def test_more_events_than_the_limit_are_too_many_whatever_they_look_like() -> None:
    tight = reader(event_limit=2)
    assert len(tight.read_array(b"[1,2]")) == 2
    assert len(tight.read_array(array(pin(title="},{},{},{"), pin()))) == 2
    for read, body in (
        (tight.read_array, b"[{},{},{}]"),
        (tight.read_array, b"[1,2,3]"),
        (tight.read_lines, b"1\n2\n3"),
    ):
        with pytest.raises(TooManyEventsError, match="more than 2 events"):
            read(body)


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text('{}[],:"\\ aé\n'),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('{},"a'), inner, max_size=3),
    max_leaves=6,
)


@given(elements=st.lists(ANY_JSON | ANY_JSON.map(lambda more: pin(event_id="x", more=more)), max_size=5))
def test_any_array_is_cut_as_a_json_reader_reads_it(elements: list[Any]) -> None:
    event_results = reader().read_array(array(*elements))
    assert len(event_results) == len(elements)
    for event_result, element in zip(event_results, elements, strict=True):
        assert not isinstance(event_result, PostedEvent) or json.loads(event_result.value) == element
