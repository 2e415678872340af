"""The shapes of the API's answers, and which exception becomes which answer.

Belongs here: response models for the OpenAPI page and exception handlers. Does not belong here: routes.
"""

from __future__ import annotations

import json
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, Field
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from ingest_api.posted_event import RefusedPinError
from ingest_api.publisher import BrokerUnavailableError
from ingest_api.request_body import BodyTooLargeError
from pinterest_platform.pins.event import PostedPin

RETRY_AFTER_SECONDS = 1


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


def add_failure_answers(app: FastAPI) -> None:
    """Let `app` answer 413, 422 and 503 for the exceptions of this package."""
    app.exception_handler(BodyTooLargeError)(_answer_too_large)
    app.exception_handler(RefusedPinError)(_answer_refused)
    app.exception_handler(BrokerUnavailableError)(_answer_unavailable)
    app.exception_handler(ClientDisconnect)(_answer_nobody)


async def _answer_too_large(_request: Request, error: BodyTooLargeError) -> Response:
    detail = f"{error} Post a smaller event."
    # The rest of the body is still on its way: without closing, the server would have to read it.
    return AsciiJSONResponse({"detail": detail}, status_code=413, headers={"Connection": "close"})


async def _answer_refused(_request: Request, error: RefusedPinError) -> Response:
    problems = [{"field": problem.field, "reason": problem.reason} for problem in error.problems]
    return AsciiJSONResponse({"detail": f"Not a pin: {error}.", "problems": problems}, status_code=422)


async def _answer_unavailable(_request: Request, error: BrokerUnavailableError) -> Response:
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return AsciiJSONResponse({"detail": str(error)}, status_code=503, headers=headers)


async def _answer_nobody(_request: Request, _error: ClientDisconnect) -> Response:
    return Response(status_code=400)
