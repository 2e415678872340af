"""The API's answers: their models for the OpenAPI page, statuses and messages, and the answer for each exception."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Sequence
from typing import Any, Literal

import orjson
from pydantic import BaseModel, Field
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from ingest_api.admission import NoRoomError, TooBusyError
from ingest_api.posted_batch import EventResult, TooManyEventsError
from ingest_api.posted_event import PostedEvent, Problem, RefusedPinError
from ingest_api.publisher import Receipt
from ingest_api.request_body import (
    BadEncodingError,
    BodyTooLargeError,
    BodyTooSlowError,
    UnknownEncodingError,
    UnpackedTooLargeError,
)
from ingest_api.write_keys import HEADER, UnknownKeyError
from pinterest_platform.pins.event import PostedPin

RETRY_AFTER_SECONDS = 1
LAST_WORDS_SECONDS = 1.0


class AcceptedPin(PostedPin):
    """The event as stored in Kafka, with its partition and offset."""

    event_id: str
    partition: int = Field(ge=0, description="Kafka partition of the event")
    offset: int = Field(ge=0, description="Offset in that partition")


class Failure(BaseModel):
    """What went wrong and what to do."""

    detail: str


class FieldProblem(BaseModel):
    """One reason why an event or a body was refused."""

    field: str | None = Field(description="Path to the field; null if the reason concerns the whole body")
    reason: str


class Refusal(Failure):
    """Why a body is not a valid pin."""

    problems: list[FieldProblem]


class Unconfirmed(Failure):
    """Kafka did not acknowledge the events. Post them again with these `event_ids`, given in the request's order."""

    event_ids: list[str]


class AcceptedEvent(BaseModel):
    """An event of a batch that is stored in Kafka."""

    status: Literal["accepted"]
    event_id: str
    partition: int = Field(ge=0)
    offset: int = Field(ge=0)


class RejectedEvent(BaseModel):
    """An event of a batch that is not a valid pin."""

    status: Literal["rejected"]
    problems: list[FieldProblem]


class BatchResult(BaseModel):
    """The result for each event of a batch, in the order of the batch."""

    accepted: int = Field(ge=0)
    rejected: int = Field(ge=0)
    results: list[AcceptedEvent | RejectedEvent]


class RefusedBatch(Refusal):
    """A batch of which nothing was stored. `problems` concern the whole body, `results` its events."""

    results: list[RejectedEvent] = []


class AsciiJSONResponse(JSONResponse):
    """JSON in ASCII, which can also show field names with unpaired surrogates."""

    def render(self, content: Any) -> bytes:
        """Returns the bytes of the body."""
        return json.dumps(content, separators=(",", ":")).encode()


class WrittenResponse(Response):
    """200 with a JSON body that is already encoded. Most answers are this, so it leaves out what they do not need."""

    background = None

    def __init__(self, body: bytes) -> None:
        self.status_code = 200
        self.body = body
        self.raw_headers = [(b"content-length", b"%d" % len(body)), (b"content-type", b"application/json")]


class EarlyResponse(AsciiJSONResponse):
    """An answer to a client that is still sending its body.

    Closing a connection with unread bytes resets it, and the client may lose the answer. So this sends the whole answer
    and gives the client a moment to read it and stop.
    """

    def __init__(self, content: Any, status_code: int, headers: dict[str, str] | None = None) -> None:
        super().__init__(content, status_code, {"Connection": "close", **(headers or {})})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the answer, then discards what still arrives, for a second at most."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS_SECONDS):
                while (await receive()).get("more_body", False):
                    pass
        await send({"type": "http.response.body", "body": b""})


class UnconfirmedError(Exception):
    """Kafka did not acknowledge valid events. Clients may send them again with the same ids."""

    def __init__(self, event_ids: Sequence[str]) -> None:
        super().__init__("Kafka did not acknowledge the events.")
        self.event_ids = event_ids


def accepted_pin(event: PostedEvent, receipt: Receipt) -> Response:
    """200 with the event as posted, its id, partition and offset."""
    place = b',"partition":%d,"offset":%d}' % receipt
    return WrittenResponse(event.echo[:-1] + place)


def refused(problems: Sequence[Problem]) -> Response:
    """422 with the problems to correct."""
    detail = "This is not a valid pin. Correct the listed problems and post it again."
    return AsciiJSONResponse({"detail": detail, "problems": _written(problems)}, 422)


def batch_answer(event_results: Sequence[EventResult], receipts: Sequence[Receipt]) -> Response:
    """200 if all events were accepted, 207 if some were; if none was, 413 if all are too large, else 422.

    `receipts` are those of the accepted events, in order.
    """
    if len(receipts) == len(event_results) > 0:
        return WrittenResponse(orjson.dumps(_batch_result(event_results, receipts)))
    if receipts:
        return AsciiJSONResponse(_batch_result(event_results, receipts), 207)
    kinds = {event_result.kind for event_result in event_results if isinstance(event_result, RefusedPinError)}
    results = [_rejected(event_result) for event_result in event_results if isinstance(event_result, RefusedPinError)]
    problems = [] if event_results else _written([Problem(None, "contains no events")])
    detail = "No event of this batch could be accepted. Correct the listed problems and post it again."
    answer = {"detail": detail, "problems": problems, "results": results}
    return AsciiJSONResponse(answer, 413 if kinds == {"too_large"} else 422)


def failure_answer(error: Exception) -> tuple[str, Response]:
    """The reason of a failed request for the metrics, and the answer to it."""
    reason, answer = FAILURES[type(error)]
    return reason, answer(error)


def _batch_result(event_results: Sequence[EventResult], receipts: Sequence[Receipt]) -> dict[str, Any]:
    places = iter(receipts)
    results = [
        _rejected(event_result) if isinstance(event_result, RefusedPinError) else _accepted(event_result, next(places))
        for event_result in event_results
    ]
    return {"accepted": len(receipts), "rejected": len(event_results) - len(receipts), "results": results}


def _accepted(event: PostedEvent, receipt: Receipt) -> dict[str, Any]:
    partition, offset = receipt
    return {"status": "accepted", "event_id": event.event_id, "partition": partition, "offset": offset}


def _rejected(refusal: RefusedPinError) -> dict[str, Any]:
    return {"status": "rejected", "problems": _written(refusal.problems)}


def _written(problems: Sequence[Problem]) -> list[dict[str, str | None]]:
    return [{"field": problem.field, "reason": problem.reason} for problem in problems]


_RETRY_AFTER = {"Retry-After": str(RETRY_AFTER_SECONDS)}


def _larger_than_read(error: Exception) -> Response:
    return EarlyResponse({"detail": f"{error} Post a smaller one."}, 413)


def _too_large(error: Exception) -> Response:
    return AsciiJSONResponse({"detail": f"{error} Post a smaller one."}, 413)


def _too_slow(error: Exception) -> Response:
    return EarlyResponse({"detail": f"{error} Post it again."}, 408)


def _unknown_key(error: Exception) -> Response:
    return EarlyResponse({"detail": f"{error} Ask the API's operator for a key."}, 401, {"WWW-Authenticate": HEADER})


def _too_busy(error: Exception) -> Response:
    answer = EarlyResponse if isinstance(error, NoRoomError) else AsciiJSONResponse
    return answer({"detail": f"{error} Nothing was stored. Post it again in a moment."}, 429, _RETRY_AFTER)


def _unknown_encoding(error: Exception) -> Response:
    return AsciiJSONResponse({"detail": str(error)}, 415, {"Accept-Encoding": "gzip, zstd"})


def _refused(error: Exception) -> Response:
    return refused(error.problems if isinstance(error, RefusedPinError) else [Problem(None, str(error))])


def _unconfirmed(error: Exception) -> Response:
    detail = "Kafka did not acknowledge in time. Post it again in a moment with the same event_id: it will count once."
    event_ids = list(error.event_ids) if isinstance(error, UnconfirmedError) else []
    return AsciiJSONResponse({"detail": detail, "event_ids": event_ids}, 503, _RETRY_AFTER)


def _gone(_error: Exception) -> Response:
    return Response(status_code=400)


# For each exception, the reason in the metrics and the answer.
FAILURES: dict[type[Exception], tuple[str, Callable[[Exception], Response]]] = {
    BodyTooLargeError: ("body_too_large", _larger_than_read),
    UnpackedTooLargeError: ("body_too_large", _too_large),
    TooManyEventsError: ("body_too_large", _too_large),
    BodyTooSlowError: ("body_too_slow", _too_slow),
    UnknownEncodingError: ("bad_encoding", _unknown_encoding),
    BadEncodingError: ("bad_encoding", _refused),
    UnknownKeyError: ("unknown_key", _unknown_key),
    TooBusyError: ("too_busy", _too_busy),
    NoRoomError: ("too_busy", _too_busy),
    RefusedPinError: ("not_json", _refused),
    UnconfirmedError: ("broker_unavailable", _unconfirmed),
    ClientDisconnect: ("disconnected", _gone),
}
