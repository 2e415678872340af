"""`POST /pin/` and `POST /pins/` as the OpenAPI page shows them: bodies, examples and every answer that can come.

This module only describes them; `intake` does the work.
"""

from __future__ import annotations

import json
from typing import Any

from fastapi import APIRouter

from ingest_api.answers import (
    AcceptedPin,
    BatchResult,
    Failure,
    Refusal,
    RefusedBatch,
    Unconfirmed,
)
from ingest_api.intake import Intake
from ingest_api.write_keys import HEADER
from pinterest_platform.pins.event import PostedPin
from pinterest_platform.pins.fields import PIN_FIELDS

EXAMPLE_PIN = {each.posted_name: each.example for each in PIN_FIELDS if each.example is not None}
EXAMPLE_ANSWER = EXAMPLE_PIN | {"event_id": "6f0c1d52-8e0a-4e39-a8a5-3c1b0f5d7e21", "partition": 2, "offset": 1047}
_NO_PIN = EXAMPLE_PIN | {"index": "4711", "event_id": "b1f4c8a0-3f7e-4f0e-9a53-0f9a3c8f2d11"}
EXAMPLE_BATCH = [EXAMPLE_PIN, _NO_PIN]
_ACCEPTED = {"status": "accepted", **{name: EXAMPLE_ANSWER[name] for name in ("event_id", "partition", "offset")}}
_REJECTED = {"status": "rejected", "problems": [{"field": "index", "reason": "Input should be a valid integer"}]}

_RETRY_AFTER = {"Retry-After": {"description": "seconds to wait", "schema": {"type": "integer"}}}
_REQUEST_ID = {"X-Request-ID": {"description": "names the request in the API's log", "schema": {"type": "string"}}}
_PIN_SCHEMA = PostedPin.model_json_schema()
_BATCH_SCHEMA = {"type": "array", "items": _PIN_SCHEMA, "minItems": 1}


def pin_routes(intake: Intake) -> APIRouter:
    """Both routes, with their part of the OpenAPI page."""
    router = APIRouter(tags=["pins"])
    security: dict[str, Any] = {"security": [{HEADER: []}]} if intake.keys.are_demanded else {}
    for path, take, summary, body, responses in (
        ("/pin/", intake.post_pin, "Post one pin", _PIN_BODY, _PIN_RESPONSES),
        ("/pins/", intake.post_pins, "Post many pins", _BATCH_BODY, _BATCH_RESPONSES),
    ):
        documented = responses if intake.keys.are_demanded else {k: v for k, v in responses.items() if k != 401}
        router.add_api_route(
            path,
            take,
            methods=["POST"],
            summary=summary,
            responses=documented,
            openapi_extra={"requestBody": body, **security},
        )
    return router


def _answer(description: str, model: type, example: Any = None, **headers: Any) -> dict[str, Any]:
    content = {"application/json": {"example": example}} if example else {}
    return {"description": description, "model": model, "content": content, "headers": _REQUEST_ID | headers}


def _failures(model: type[Failure]) -> dict[int | str, dict[str, Any]]:
    return {
        401: _answer("The write key is missing or not valid.", Failure),
        408: _answer("The body was too slow.", Failure),
        413: _answer("Too large: the body, its content when unpacked, an event, or the number of events.", model),
        415: _answer("The body is packed in a way that is not known here: use gzip or zstd.", Failure),
        429: _answer("Too much at once: nothing was taken.", Failure, **_RETRY_AFTER),
        503: _answer(
            "Kafka did not confirm. Post it again with the same `event_id`: it then counts once.",
            Unconfirmed,
            **_RETRY_AFTER,
        ),
    }


_PIN_BODY = {
    "required": True,
    "content": {"application/json": {"schema": _PIN_SCHEMA, "example": EXAMPLE_PIN}},
}
_BATCH_BODY = {
    "required": True,
    "description": "A JSON array or one event a line, optionally with Content-Encoding gzip or zstd.",
    "content": {
        "application/json": {"schema": _BATCH_SCHEMA, "example": EXAMPLE_BATCH},
        "application/x-ndjson": {
            "schema": {"type": "string"},
            "example": "".join(json.dumps(pin, ensure_ascii=False) + "\n" for pin in EXAMPLE_BATCH),
        },
    },
}
_PIN_RESPONSES = _failures(Failure) | {
    200: _answer("In Kafka. The event as posted, its `event_id`, and where it lies.", AcceptedPin, EXAMPLE_ANSWER),
    422: _answer("Not a pin: each problem names a field and the reason.", Refusal),
}
_BATCH_RESPONSES = _failures(RefusedBatch) | {
    200: _answer("All are in Kafka.", BatchResult, {"accepted": 2, "rejected": 0, "results": [_ACCEPTED, _ACCEPTED]}),
    207: _answer(
        "Some are in Kafka: one result an event, in the order of the batch.",
        BatchResult,
        {"accepted": 1, "rejected": 1, "results": [_ACCEPTED, _REJECTED]},
    ),
    422: _answer("None was taken: the problems of the body as a whole, or of each event.", RefusedBatch),
}
