"""Limits that uvicorn does not have: the number of connections, and the size and duration of a request's head.

`request_body` limits the bodies.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS = 5.0
HEAD_BYTES = 64 * 1024


class GuardedConnection(HttpToolsProtocol):
    """A connection that is closed if there are too many, or if a request's head is too large or too slow."""

    most: ClassVar[int] = 2_000

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._is_in_head = False
        self._head_bytes = 0
        self._head_ends_at = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Refuses the connection if there are too many."""
        super().connection_made(transport)
        if len(self.connections) > self.most:
            self._refuse(503, "Too many connections. Try again in a moment.")
        else:
            self._expect_head()

    def data_received(self, data: bytes) -> None:
        """Refuses a head that is too large, and times out a slow one."""
        super().data_received(data)
        if not self._is_in_head or self.transport.is_closing():
            return
        self._head_bytes += len(data)
        if self._head_bytes > HEAD_BYTES:
            self._refuse(431, f"The head of the request is larger than {HEAD_BYTES} bytes.")
        elif self.timeout_keep_alive_task is None:
            # Any byte stops uvicorn's timer for idle connections. This one keeps the deadline of the head.
            self.timeout_keep_alive_task = self.loop.call_at(self._head_ends_at, self.timeout_keep_alive_handler)

    def on_message_begin(self) -> None:
        """Starts the deadline for a request's head."""
        super().on_message_begin()
        self._is_in_head, self._head_bytes = True, 0
        self._head_ends_at = self.loop.time() + HEAD_SECONDS

    def on_headers_complete(self) -> None:
        """Ends the limits: the head is complete."""
        self._is_in_head = False
        super().on_headers_complete()

    def _expect_head(self) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(HEAD_SECONDS, self.timeout_keep_alive_handler)

    def _refuse(self, status: int, detail: str) -> None:
        body = json.dumps({"detail": detail}).encode()
        head = f"HTTP/1.1 {status} \r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
        self.transport.write(head.encode() + b"connection: close\r\nretry-after: 1\r\n\r\n" + body)
        self.transport.close()


def guarded(most: int) -> type[GuardedConnection]:
    """The protocol class for at most `most` connections."""

    class Counted(GuardedConnection): ...

    Counted.most = most
    return Counted
