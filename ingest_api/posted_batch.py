"""Splits a body with many events into its events, and accepts or refuses each on its own.

Events keep the bytes that were sent. A JSON array is first split at a guess: where one object seems to end and the next
to begin. If every piece is an object, the guess was right, because JSON has only one reading. Otherwise (such a
boundary within a text, nested lists of objects, damage) a JSON reader finds the end of each element.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ingest_api.posted_event import (
    PostedEvent,
    Problem,
    RefusedPinError,
    not_json,
    read_event,
    refusing_what_is_no_json,
)

_SEAM = re.compile(rb"\}[ \t\r\n]*,[ \t\r\n]*\{")
_WHITE_SPACE = re.compile(r"[ \t\r\n]*")
_JSON_WHITE_SPACE = b" \t\r\n"
# Only finds where a value ends. Converting numbers would fail at thousands of digits.
_decoder = json.JSONDecoder(parse_int=str)
# Kinds of refusal that leave open whether the piece is a JSON object.
_DOUBT = frozenset({"not_json", "too_large"})

EventResult = PostedEvent | RefusedPinError


class TooManyEventsError(Exception):
    """The batch has more than `limit` events."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"The batch has more than {limit} events.")


@dataclass(frozen=True, slots=True)
class BatchReader:
    """Reads batches of at most `event_limit` events of at most `byte_limit` bytes each."""

    event_limit: int
    byte_limit: int
    new_event_id: Callable[[], str]

    def read_lines(self, body: bytes) -> Sequence[EventResult]:
        """The results of all lines that are not blank.

        Raises:
            TooManyEventsError: there are more than `event_limit` lines.
        """
        return self._read([line for line in body.split(b"\n") if line and not line.isspace()])

    def read_array(self, body: bytes) -> Sequence[EventResult]:
        """The results of all elements of the array.

        Raises:
            RefusedPinError: the body is not a JSON array.
            TooManyEventsError: there are more than `event_limit` elements.
        """
        body = body.strip(_JSON_WHITE_SPACE)
        if not body.startswith(b"["):
            raise not_json("is not a JSON array")
        if body[1:-1].isspace() or body == b"[]":
            return []
        pieces = _cut_at_seams(body)
        if body.endswith(b"]") and len(pieces) <= self.event_limit:
            event_results = self._read(pieces)
            if not any(
                isinstance(event_result, RefusedPinError) and event_result.kind in _DOUBT
                for event_result in event_results
            ):
                return event_results
        return self._read(_cut_with_a_reader(body, self.event_limit))

    def _read(self, pieces: Sequence[bytes]) -> Sequence[EventResult]:
        if len(pieces) > self.event_limit:
            raise TooManyEventsError(self.event_limit)
        return [self._verdict(piece) for piece in pieces]

    def _verdict(self, piece: bytes) -> EventResult:
        if len(piece) > self.byte_limit:
            return RefusedPinError(Problem(None, f"is larger than {self.byte_limit} bytes"), kind="too_large")
        try:
            return read_event(piece, self.new_event_id)
        except RefusedPinError as refusal:
            return refusal


def _cut_at_seams(array: bytes) -> list[bytes]:
    # Give both braces of a seam back to their pieces. If the body is not an array, no piece will be valid JSON.
    first, *rest = _SEAM.split(array[1:-1])
    if not rest:
        return [first]
    return [first + b"}", *(b"{" + piece + b"}" for piece in rest[:-1]), b"{" + rest[-1]]


def _cut_with_a_reader(array: bytes, most: int) -> list[bytes]:
    """Stops after one piece more than `most`: that is enough to refuse the batch."""
    pieces: list[bytes] = []
    with refusing_what_is_no_json():
        text, position = array.decode(), 1
        while len(pieces) <= most:
            start = _behind_white_space(text, position)
            _, end = _decoder.raw_decode(text, start)
            pieces.append(text[start:end].encode())
            position = _behind_white_space(text, end) + 1
            if text[position - 1 :] == "]":
                break
            if text[position - 1 : position] != ",":
                raise json.JSONDecodeError("Expecting ',' or ']'", text, position - 1)
    return pieces


def _behind_white_space(text: str, position: int) -> int:
    match = _WHITE_SPACE.match(text, position)
    return match.end() if match else position
