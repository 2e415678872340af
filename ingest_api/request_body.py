"""Reading a request's body without trusting its size or its speed.

FastAPI's own `max_body_size` would do for the size, but it answers an announced body in plain text, and closes while
the client still sends: most clients then see a reset connection and no answer.
"""

from __future__ import annotations

import asyncio

from starlette.requests import Request

# With the time for an answer still short of what the server waits when it stops.
BODY_SECONDS = 4.0


class BodyTooLargeError(Exception):
    """The body is larger than `limit` bytes; the rest of it was not read."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"The body is larger than {limit} bytes.")


class BodyTooSlowError(Exception):
    """The body was not complete in time."""

    def __init__(self) -> None:
        super().__init__(f"The body was not complete after {BODY_SECONDS:.0f} s.")


async def read_body(request: Request, limit: int) -> bytes:
    """Return the whole body.

    Raises:
        BodyTooLargeError: as soon as more than `limit` bytes are announced or have come.
        BodyTooSlowError: after `BODY_SECONDS`.
        starlette.requests.ClientDisconnect: the client went away first.
    """
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced) > limit:
        raise BodyTooLargeError(limit)
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await _read_up_to(request, limit)
    except TimeoutError as error:
        raise BodyTooSlowError from error


async def _read_up_to(request: Request, limit: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise BodyTooLargeError(limit)
    return bytes(body)
