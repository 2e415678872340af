"""`POST /pin/`: one event, acknowledged by the log before the answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from ingest_api.answers import AcceptedPin, Failure, Refusal
from ingest_api.posted_event import read_event, with_members
from ingest_api.publisher import Publisher, Record
from ingest_api.request_body import read_body
from pinterest_platform.pins.event import PostedPin

EXAMPLE_PIN: dict[str, Any] = {
    "index": 4711,
    "unique_id": "0d2f6c1e-5a3b-4b7e-9c41-7d5a2e8f9b10",
    "title": "Balcony herb garden in an afternoon",
    "description": "Five pots, one shelf, and everything that a small kitchen needs… ",
    "poster_name": "Leaf & Ladle",
    "follower_count": "51k",
    "tag_list": "Herb Garden,Balcony Ideas,Small Spaces",
    "is_image_or_video": "image",
    "image_src": "https://images.example/originals/0d/2f/0d2f6c1e.jpg",
    "downloaded": 1,
    "save_location": "Local save in /data/home-decor",
    "category": "home-decor",
}
EXAMPLE_ANSWER = EXAMPLE_PIN | {"event_id": "6f0c1d52-8e0a-4e39-a8a5-3c1b0f5d7e21", "partition": 2, "offset": 1047}

_REQUEST_BODY = {
    "required": True,
    "content": {"application/json": {"schema": PostedPin.model_json_schema(), "example": EXAMPLE_PIN}},
}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "In Kafka. The event as posted, its `event_id`, and where it lies.",
        "model": AcceptedPin,
        "content": {"application/json": {"example": EXAMPLE_ANSWER}},
    },
    408: {"description": "The body was too slow.", "model": Failure},
    413: {"description": "The body is too large.", "model": Failure},
    422: {"description": "Not a pin: each problem names a field and the reason.", "model": Refusal},
    503: {
        "description": "Kafka did not confirm. Post it again with the same `event_id`: it then counts once.",
        "model": Failure,
        "headers": {"Retry-After": {"description": "seconds to wait", "schema": {"type": "integer"}}},
    },
}


@dataclass(frozen=True, slots=True)
class PinIntake:
    """Takes posted pins. `clock` gives milliseconds since 1970 UTC, `new_event_id` the text of a UUID."""

    publisher: Publisher
    body_limit: int
    clock: Callable[[], int]
    new_event_id: Callable[[], str]

    def routes(self) -> APIRouter:
        """The routes of this intake, with their part of the OpenAPI page."""
        router = APIRouter(tags=["pins"])
        router.add_api_route(
            "/pin/",
            self.post_pin,
            methods=["POST"],
            summary="Post one pin",
            responses=_RESPONSES,
            openapi_extra={"requestBody": _REQUEST_BODY},
        )
        return router

    async def post_pin(self, request: Request) -> Response:
        """Answers when Kafka holds the event: further fields are kept, and an `event_id` is given where none came."""
        event = read_event(await read_body(request, self.body_limit), self.new_event_id)
        record = Record(event.unique_id.encode(), event.value, self.clock())
        receipt = await self.publisher.publish(record)
        answer = with_members(event.echo, partition=receipt.partition, offset=receipt.offset)
        return Response(answer, media_type="application/json")
