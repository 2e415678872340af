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
from operator import gt, itemgetter
from typing import Any, Literal, NamedTuple

import orjson
from pydantic import ValidationError

from pinterest_platform.pins.event import INT64_MAX, PostedPin
from pinterest_platform.pins.fields import GREATEST_BYTES

DECLARED_FIELDS = frozenset(PostedPin.model_fields)
PLACE_NAMES = frozenset({"partition", "offset"})
_JSON_WHITE_SPACE = b" \t\r\n"

_NUMBERS = ("index", "downloaded")
_TEXTS = tuple(name for name in PostedPin.model_fields if name not in {*_NUMBERS, "event_id"})
_PLAIN_TYPES = (*(int for _ in _NUMBERS), *(str for _ in _TEXTS))
_plain_values = itemgetter(*_NUMBERS, *_TEXTS)
# A text with at most this many characters is not too long: a character has at most four bytes.
_SHORT = tuple(GREATEST_BYTES[name] // 4 for name in (*_TEXTS, "event_id"))
_FOLLOWER_COUNT, _KIND = _TEXTS.index("follower_count"), _TEXTS.index("is_image_or_video")
# The field names alone take over 100 bytes. So in a body of at most this size, only those two texts can be too long.
_SHORT_BODY = 100 + min(
    GREATEST_BYTES[name] for name in GREATEST_BYTES.keys() - {"follower_count", "is_image_or_video"}
)
_UNIQUE_ID, _CATEGORY = (len(_NUMBERS) + _TEXTS.index(name) for name in ("unique_id", "category"))

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
    if tuple(map(type, values)) != _PLAIN_TYPES or len(document) != len(values) + has_id or b"\\u" in body:
        return None
    texts = (*values[len(_NUMBERS) :], event_id) if has_id else values[len(_NUMBERS) :]
    if _may_be_too_long(texts, len(body)):
        return None
    # If a name is given twice, the body has more colons than the document.
    if body.count(b":") != len(document) + "".join(texts).count(":") or not _is_in_range(values, event_id):
        return None
    value = body.strip(_JSON_WHITE_SPACE)
    if not has_id:
        event_id = new_event_id()
        value = with_members(value, event_id=event_id)
    return PostedEvent(values[_UNIQUE_ID], event_id, value, value)


def _may_be_too_long(texts: Sequence[str], body_size: int) -> bool:
    if body_size <= _SHORT_BODY:
        return len(texts[_FOLLOWER_COUNT]) > _SHORT[_FOLLOWER_COUNT] or len(texts[_KIND]) > _SHORT[_KIND]
    return any(map(gt, map(len, texts), _SHORT))


def _is_in_range(values: tuple[Any, ...], event_id: str | None) -> bool:
    index, downloaded = values[: len(_NUMBERS)]
    has_identifiers = values[_UNIQUE_ID].strip() and values[_CATEGORY].strip()
    has_identifiers = has_identifiers and (event_id is None or event_id.strip())
    return bool(has_identifiers) and -INT64_MAX - 1 <= index <= INT64_MAX and 0 <= downloaded <= 1


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
        return PostedPin.model_validate_json(body)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)
        problems = [Problem(_path(detail["loc"]), _reason(detail["msg"])) for detail in details]
        is_missing = any(detail["type"] == "missing" for detail in details)
        raise RefusedPinError(*problems, kind="missing_field" if is_missing else "wrong_value") from error


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
