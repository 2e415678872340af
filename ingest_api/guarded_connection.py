"""A client's connection, with limits that uvicorn has none for.

Belongs here: what a client may do before a request has a head: how many connections there are, how long a head takes
and how large it gets. Does not belong here: bodies (`request_body`).
"""

from __future__ import annotations

import asyncio
import json
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS = 5.0
HEAD_BYTES = 64 * 1024


class GuardedConnection(HttpToolsProtocol):
    """Closed with a sentence when there are too many, or when a head is too slow or too large."""

    most: ClassVar[int] = 2_000

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._is_in_head = False
        self._head_bytes = 0
        self._head_ends_at = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has come."""
        super().connection_made(transport)
        if len(self.connections) > self.most:
            self._refuse(503, "Too many connections. Try again in a moment.")
        else:
            self._expect_head()

    def data_received(self, data: bytes) -> None:
        """Bytes of a head, or of a body."""
        super().data_received(data)
        if not self._is_in_head or self.transport.is_closing():
            return
        self._head_bytes += len(data)
        if self._head_bytes > HEAD_BYTES:
            self._refuse(431, f"The head of the request is larger than {HEAD_BYTES} bytes.")
        elif self.timeout_keep_alive_task is None:
            # uvicorn's timer for idle connections, which any byte stops. This one ends when it began to.
            self.timeout_keep_alive_task = self.loop.call_at(self._head_ends_at, self.timeout_keep_alive_handler)

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        self._is_in_head, self._head_bytes = True, 0
        self._head_ends_at = self.loop.time() + HEAD_SECONDS

    def on_headers_complete(self) -> None:
        """From here on it is the application's."""
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
    """Connections of which there are at most so many."""

    class Counted(GuardedConnection): ...

    Counted.most = most
    return Counted
