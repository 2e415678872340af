"""From the bytes that a client posted to the event that goes to the log.

Belongs here: what makes a body a pin, and the sentences for one that is none. Does not belong here: HTTP, and the
fields of a pin themselves (`pinterest_platform.pins.event`).

The client's bytes are kept: numbers, escapes and order reach the log as they were sent, and only a missing `event_id`
is added. So everything that two JSON readers could understand differently is refused here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from pinterest_platform.pins.event import PostedPin

DECLARED_FIELDS = frozenset(PostedPin.model_fields)
PLACE_NAMES = frozenset({"partition", "offset"})
_JSON_WHITE_SPACE = b" \t\r\n"


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a body is no pin: `field` is the path to the culprit, None when it is the body as a whole."""

    field: str | None
    reason: str


class RefusedPinError(Exception):
    """The body is no pin: correct what `problems` say and post it again."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("; ".join(f"{problem.field or 'body'}: {problem.reason}" for problem in problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class PostedEvent:
    """A pin with its id; `value` is the JSON object that goes to the log, `echo` what the answer repeats of it."""

    unique_id: str
    event_id: str
    value: bytes
    echo: bytes


def read_event(body: bytes, new_event_id: Callable[[], str]) -> PostedEvent:
    """Read one posted pin and give it an `event_id` if the client gave none.

    Raises:
        RefusedPinError: the body is not one JSON object that every reader understands alike, or not a pin.
    """
    document = _read_json(body)
    _refuse_unstorable(document, body)
    pin = _read_pin(body)
    event_id, value = pin.event_id, body.strip(_JSON_WHITE_SPACE)
    if event_id is None:
        event_id = new_event_id()
        value = with_members(_without({"event_id"}, document, value), event_id=event_id)
    # Who posts an answer again posts the old place with it: the new answer has room for the new place only.
    echo = _without(PLACE_NAMES, document | {"event_id": event_id}, value)
    return PostedEvent(pin.unique_id, event_id, value, echo)


def with_members(json_object: bytes, **members: str | int) -> bytes:
    """Append members to the text of a JSON object that is not empty."""
    return json_object[:-1] + b"," + json.dumps(members, separators=(",", ":")).encode()[1:]


def _read_json(body: bytes) -> Any:
    try:
        return json.loads(body.decode(), object_pairs_hook=_refuse_repeated_names)
    except UnicodeDecodeError as error:
        raise RefusedPinError(Problem(None, f"is not UTF-8 text: byte {error.start} is {error.reason}")) from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        raise RefusedPinError(Problem(None, f"is not JSON: {error.msg} at {where}")) from error
    except RecursionError as error:
        raise RefusedPinError(Problem(None, "is nested too deeply")) from error
    except ValueError as error:  # an integer of thousands of digits
        raise RefusedPinError(Problem(None, f"holds a number that is too long: {error}")) from error


def _refuse_repeated_names(members: list[tuple[str, Any]]) -> dict[str, Any]:
    json_object = dict(members)
    if len(json_object) == len(members):
        return json_object
    names = [name for name, _ in members]
    repeated = next(name for name in names if names.count(name) > 1)
    raise RefusedPinError(Problem(repeated, "is given more than once"))


def _refuse_unstorable(document: Any, body: bytes) -> None:
    # A declared field cannot hide any of it without an escape: the walk is for the rare event.
    if not isinstance(document, dict) or (b"\\u" not in body and document.keys() <= DECLARED_FIELDS):
        return
    problems = tuple(_unstorable("", document))
    if problems:
        raise RefusedPinError(*problems)


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
        raise RefusedPinError(*(Problem(_path(detail["loc"]), _reason(detail["msg"])) for detail in details)) from error


def _path(location: tuple[int | str, ...]) -> str | None:
    return ".".join(map(str, location)) or None


def _reason(message: str) -> str:
    return message.removeprefix("Value error, ")


def _without(names: Set[str], document: dict[str, Any], text: bytes) -> bytes:
    if document.keys().isdisjoint(names):
        return text
    # To write the object anew costs the client's spelling, but never a value.
    kept = {name: value for name, value in document.items() if name not in names}
    return json.dumps(kept, ensure_ascii=False, separators=(",", ":")).encode()
