"""Reads a posted body: the event for Kafka, or why it is not a valid pin.

The event keeps the client's bytes: numbers, escapes and order stay as they were sent, and only a missing `event_id` is
added. So anything that two JSON readers could understand differently is refused here.

Most events have only the declared fields and no `\\u` escapes; a fast reader reads those once. All others are read by
two strict readers, which also give the reasons for a refusal. A property test checks that both ways always agree.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from operator import gt, itemgetter, le
from typing import Any, Literal, NamedTuple

import orjson
from pydantic import ValidationError

from pinterest_platform.pins.event import PostedPin
from pinterest_platform.pins.fields import ADDED_FIELDS, EVENT_ID, FIRST_FIELDS, GREATEST_BYTES, PinField

DECLARED_FIELDS = frozenset(PostedPin.model_fields)
PLACE_NAMES = frozenset({"partition", "offset"})
_JSON_WHITE_SPACE = b" \t\r\n"

# What every post has, the numbers first.
_NUMBER_FIELDS = tuple(each for each in FIRST_FIELDS if each.is_posted_as_number)
_TEXT_FIELDS = tuple(each for each in FIRST_FIELDS if not each.is_posted_as_number)
_NUMBERS = tuple(each.posted_name for each in _NUMBER_FIELDS)
_TEXTS = tuple(each.posted_name for each in _TEXT_FIELDS)
_PLAIN_TYPES = (*(int for _ in _NUMBERS), *(str for _ in _TEXTS))
_plain_values = itemgetter(*_NUMBERS, *_TEXTS)
_LEAST, _GREATEST = zip(*(each.range for each in _NUMBER_FIELDS), strict=True)
_identifiers = itemgetter(*(place for place, each in enumerate(_TEXT_FIELDS) if not each.is_nullable))
_UNIQUE_ID = len(_NUMBERS) + _TEXTS.index("unique_id")
# A text of so few characters is not too long, whatever they are: none has more than four bytes.
_SHORT = tuple(GREATEST_BYTES[name] // 4 for name in (*_TEXTS, EVENT_ID.name))
# The names alone take more than 100 bytes. So a body of no more than this can have a text too long only in those that
# may have less than 512 bytes.
_FEW_BYTES = 512
_SHORT_BODY = 100 + _FEW_BYTES
_small_texts = itemgetter(*(place for place, name in enumerate(_TEXTS) if GREATEST_BYTES[name] < _FEW_BYTES))
_SHORT_OF_SMALL = _small_texts(_SHORT)
_ADDED = {each.posted_name: each for each in ADDED_FIELDS}

# The cleaning's JSON reader refuses 1,000 levels of nesting, and numbers of more than 1,000 digits. The API's own
# reader refuses more than 200 levels: https://docs.rs/jiter/latest/jiter/struct.Jiter.html
_LEVELS, _NUMBER_SIZE = 200, 1_000

# The reasons for a refusal in the metrics.
Kind = Literal["not_json", "missing_field", "wrong_value", "unstorable", "too_large"]


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a body is not a valid pin. `field` is the path to the field, None for the whole body."""

    field: str | None
    reason: str


class RefusedPinError(Exception):
    """The body is not a valid pin; `problems` says why."""

    def __init__(self, *problems: Problem, kind: Kind = "wrong_value") -> None:
        super().__init__("; ".join(f"{problem.field or 'body'}: {problem.reason}" for problem in problems))
        self.problems = problems
        self.kind = kind


class PostedEvent(NamedTuple):
    """A valid pin with its id. `value` is the JSON object for Kafka, `echo` the part of it that the answer repeats."""

    unique_id: str
    event_id: str
    value: bytes
    echo: bytes


def read_event(body: bytes, new_event_id: Callable[[], str]) -> PostedEvent:
    """Reads one posted pin and adds an `event_id` if it is missing.

    Raises:
        RefusedPinError: the body is not a JSON object that all readers understand the same way, or not a valid pin.
    """
    return _plain_event(body, new_event_id) or _careful_event(body, new_event_id)


def _plain_event(body: bytes, new_event_id: Callable[[], str]) -> PostedEvent | None:
    try:
        document = orjson.loads(body)
        values = _plain_values(document)
    except (ValueError, KeyError, TypeError):
        return None
    event_id = document.get("event_id")
    has_id = type(event_id) is str
    if tuple(map(type, values)) != _PLAIN_TYPES or b"\\u" in body:
        return None
    texts = (*values[len(_NUMBERS) :], event_id) if has_id else values[len(_NUMBERS) :]
    added = _plain_added(document, len(document) - len(values) - has_id)
    if added is None or _may_be_too_long(texts, len(body)):
        return None
    # A name that is given twice has a colon that nothing in the document accounts for.
    colons = len(document) + "".join((*texts, *added)).count(":")
    if body.count(b":") != colons or not _is_in_range(values[: len(_NUMBERS)], texts, event_id):
        return None
    value = body.strip(_JSON_WHITE_SPACE)
    if not has_id:
        event_id = new_event_id()
        value = with_members(value, event_id=event_id)
    return PostedEvent(values[_UNIQUE_ID], event_id, value, value)


def _may_be_too_long(texts: Sequence[str], body_size: int) -> bool:
    if body_size <= _SHORT_BODY:
        return any(map(gt, map(len, _small_texts(texts)), _SHORT_OF_SMALL))
    return any(map(gt, map(len, texts), _SHORT))


def _is_in_range(numbers: Sequence[int], texts: Sequence[str], event_id: str | None) -> bool:
    has_identifiers = all(map(str.strip, _identifiers(texts))) and (event_id is None or event_id.strip())
    return bool(has_identifiers) and all(map(le, _LEAST, numbers)) and all(map(le, numbers, _GREATEST))


def _plain_added(document: dict[str, Any], count: int) -> Sequence[str] | None:
    """The texts of `count` fields that came after the first release; None where the rest is anything else."""
    if not count:
        return ()
    members = [(field, document[name]) for name, field in _ADDED.items() if name in document]
    if len(members) != count or not all(_is_plain(field, value) for field, value in members):
        return None
    return [value for _, value in members if type(value) is str]


def _is_plain(field: PinField, value: Any) -> bool:
    if field.greatest_bytes is None:
        return type(value) is int and field.range[0] <= value <= field.range[1]
    return type(value) is str and len(value) <= field.greatest_bytes // 4


def _careful_event(body: bytes, new_event_id: Callable[[], str]) -> PostedEvent:
    document = _read_json(body)
    _refuse_nested_too_deeply(document, body)
    _refuse_unstorable(document, body)
    pin = _read_pin(body)
    event_id, value = pin.event_id, body.strip(_JSON_WHITE_SPACE)
    if event_id is None:
        event_id = new_event_id()
        value = with_members(_without({"event_id"}, document, value), event_id=event_id)
    # A client that posts an answer again also posts the old partition and offset. The new answer replaces them.
    echo = _without(PLACE_NAMES, document | {"event_id": event_id}, value)
    return PostedEvent(pin.unique_id, event_id, value, echo)


def with_members(json_object: bytes, **members: str | int) -> bytes:
    """Appends members to the text of a JSON object that is not empty."""
    return json_object[:-1] + b"," + orjson.dumps(members)[1:]


@contextmanager
def refusing_what_is_no_json() -> Iterator[None]:
    """Turns the errors of Python's decoders into refusals.

    Raises:
        RefusedPinError: the text is not UTF-8, not JSON, or nested too deeply.
    """
    try:
        yield
    except UnicodeDecodeError as error:
        raise not_json(f"is not UTF-8 text: byte {error.start} is {error.reason}") from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        raise not_json(f"is not JSON: {error.msg} at {where}") from error
    except RecursionError as error:
        raise not_json("is nested too deeply") from error


def _read_json(body: bytes) -> Any:
    with refusing_what_is_no_json():
        return json.loads(
            body.decode(), object_pairs_hook=_refuse_repeated_names, parse_int=_whole_number, parse_float=_number
        )


def _whole_number(text: str) -> int:
    return int(_short_enough(text))


def _number(text: str) -> float:
    return float(_short_enough(text))


def _short_enough(number: str) -> str:
    if len(number) > _NUMBER_SIZE:
        # Counts as no JSON, since the text after the number has not been read.
        raise not_json(f"contains a number of more than {_NUMBER_SIZE:,} characters")
    return number


def not_json(reason: str) -> RefusedPinError:
    """The refusal of a body that cannot be read as JSON."""
    return RefusedPinError(Problem(None, reason), kind="not_json")


def _refuse_repeated_names(members: list[tuple[str, Any]]) -> dict[str, Any]:
    json_object = dict(members)
    if len(json_object) == len(members):
        return json_object
    names = [name for name, _ in members]
    repeated = next(name for name in names if names.count(name) > 1)
    raise RefusedPinError(Problem(repeated, "is given more than once"))


def _refuse_nested_too_deeply(document: Any, body: bytes) -> None:
    if body.count(b"{") + body.count(b"[") <= _LEVELS:
        return
    level = [document]
    for _ in range(_LEVELS):
        level = [inner for outer in level for inner in _members(outer)]
    if any(isinstance(value, dict | list) for value in level):
        raise RefusedPinError(Problem(None, f"is nested in more than {_LEVELS} levels"), kind="unstorable")


def _members(value: Any) -> Iterable[Any]:
    match value:
        case dict():
            return value.values()
        case list():
            return value
    return ()


def _refuse_unstorable(document: Any, body: bytes) -> None:
    # Without escapes, a declared field cannot contain any of it. So few events need the full walk.
    if not isinstance(document, dict) or (b"\\u" not in body and document.keys() <= DECLARED_FIELDS):
        return
    problems = tuple(_unstorable("", document))
    if problems:
        raise RefusedPinError(*problems, kind="unstorable")


def _unstorable(path: str, value: Any) -> Iterator[Problem]:
    match value:
        case dict():
            for name, member in value.items():
                member_path = f"{path}.{name}" if path else name
                yield from _unstorable_text(member_path, name)
                yield from _unstorable(member_path, member)
        case list():
            for index, member in enumerate(value):
                yield from _unstorable(f"{path}[{index}]", member)
        case str():
            yield from _unstorable_text(path, value)
        case float() if not math.isfinite(value):
            yield Problem(path, "must be a finite number that 64 bits can hold")


def _unstorable_text(path: str, text: str) -> Iterator[Problem]:
    if "\x00" in text:
        yield Problem(path, "must not contain the NUL character")
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        yield Problem(path, "must not contain half of a surrogate pair")


def _read_pin(body: bytes) -> PostedPin:
    try:
        pin: PostedPin = PostedPin.model_validate_json(body)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)
        problems = [Problem(_path(detail["loc"]), _reason(detail["msg"])) for detail in details]
        is_missing = any(detail["type"] == "missing" for detail in details)
        raise RefusedPinError(*problems, kind="missing_field" if is_missing else "wrong_value") from error
    return pin


def _path(location: tuple[int | str, ...]) -> str | None:
    return ".".join(map(str, location)) or None


def _reason(message: str) -> str:
    return message.removeprefix("Value error, ")


def _without(names: Set[str], document: dict[str, Any], text: bytes) -> bytes:
    if document.keys().isdisjoint(names):
        return text
    # Writing the object anew loses the client's formatting, but no value.
    kept = {name: value for name, value in document.items() if name not in names}
    return json.dumps(kept, ensure_ascii=False, separators=(",", ":")).encode()
