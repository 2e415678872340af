"""The shapes of the API's answers, and which exception becomes which answer.

Belongs here: response models for the OpenAPI page and exception handlers. Does not belong here: routes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, Field
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from ingest_api.posted_event import RefusedPinError
from ingest_api.publisher import BrokerUnavailableError
from ingest_api.request_body import BodyTooLargeError, BodyTooSlowError
from pinterest_platform.pins.event import PostedPin

RETRY_AFTER_SECONDS = 1
LAST_WORDS_SECONDS = 1.0


class AcceptedPin(PostedPin):
    """The event as it lies in Kafka, and where."""

    event_id: str
    partition: int = Field(ge=0, description="Kafka partition")
    offset: int = Field(ge=0, description="offset in that partition")


class Failure(BaseModel):
    """What went wrong and what to do."""

    detail: str


class FieldProblem(BaseModel):
    """One reason for a refusal."""

    field: str | None = Field(description="path to the field; null for the body as a whole")
    reason: str


class Refusal(Failure):
    """Why a body is no pin."""

    problems: list[FieldProblem]


class AsciiJSONResponse(JSONResponse):
    """JSON in ASCII: it can name a field whose name is no Unicode text."""

    def render(self, content: Any) -> bytes:
        """Return the bytes of the body."""
        return json.dumps(content, separators=(",", ":")).encode()


class TooLargeResponse(AsciiJSONResponse):
    """An answer to a client that is still sending its body.

    A connection that is closed with unread bytes is reset, and a reset takes the answer with it: so the answer goes out
    whole, and the client has a moment to read it and stop.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, then drop what still comes in for a second at most."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS_SECONDS):
                while (await receive()).get("more_body", False):
                    pass
        await send({"type": "http.response.body", "body": b""})


def add_failure_answers(app: FastAPI) -> None:
    """Let `app` answer 408, 413, 422 and 503 for the exceptions of this package."""
    app.exception_handler(BodyTooLargeError)(_answer_too_large)
    app.exception_handler(BodyTooSlowError)(_answer_too_slow)
    app.exception_handler(RefusedPinError)(_answer_refused)
    app.exception_handler(BrokerUnavailableError)(_answer_unavailable)
    app.exception_handler(ClientDisconnect)(_answer_nobody)


async def _answer_too_large(_request: Request, error: BodyTooLargeError) -> Response:
    return TooLargeResponse({"detail": f"{error} Post a smaller event."}, 413, {"Connection": "close"})


async def _answer_too_slow(_request: Request, error: BodyTooSlowError) -> Response:
    return AsciiJSONResponse({"detail": f"{error} Post it again."}, 408, {"Connection": "close"})


async def _answer_refused(_request: Request, error: RefusedPinError) -> Response:
    problems = [{"field": problem.field, "reason": problem.reason} for problem in error.problems]
    detail = "Not a pin. Correct what the problems name and post it again."
    return AsciiJSONResponse({"detail": detail, "problems": problems}, 422)


async def _answer_unavailable(_request: Request, error: BrokerUnavailableError) -> Response:
    return AsciiJSONResponse(
        {"detail": f"{error} Try again in a moment."}, 503, {"Retry-After": str(RETRY_AFTER_SECONDS)}
    )


async def _answer_nobody(_request: Request, _error: ClientDisconnect) -> Response:
    return Response(status_code=400)
