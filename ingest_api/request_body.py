"""Reading a request's body without trusting its size, its speed or its compression.

FastAPI's own `max_body_size` would do for the size, but it answers an announced body in plain text, and closes while
the client still sends: most clients then see a reset connection and no answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from backports import zstd
from isal import isal_zlib
from starlette.requests import ClientDisconnect
from starlette.types import Receive

from ingest_api.body_clock import BodyClock

# With the time for an answer still short of what the server waits when it stops.
BODY_SECONDS = 4.0
_GZIP = 31  # zlib's number for "between gzip's head and its checksum"
# Windows of 8 MiB: what RFC 8878 asks readers to support. More would let a small body claim much memory.
_WINDOW_LOG_MAX = 23


class BodyTooLargeError(Exception):
    """The body is larger than `limit` bytes; the rest of it was not read."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"The body is larger than {limit} bytes.")


class UnpackedTooLargeError(Exception):
    """What is in the body is larger than `limit` bytes; the rest of it was not unpacked."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"The body is larger than {limit} bytes when it is unpacked.")


class BodyTooSlowError(Exception):
    """The body was not complete in time."""

    def __init__(self) -> None:
        super().__init__(f"The body was not complete after {BODY_SECONDS:.0f} s.")


class UnknownEncodingError(Exception):
    """The body is packed in a way that the API does not know."""


class BadEncodingError(Exception):
    """The body is not packed as its header says."""


def no_lease(_size: int) -> None:
    """Of a body that is counted nowhere."""


async def read_body(
    receive: Receive, announced: bytes, limit: int, clock: BodyClock, lease: Callable[[int], None] = no_lease
) -> bytes:
    """Return the whole body. `announced` is its Content-Length or empty; `lease` is told how much more is held.

    Raises:
        BodyTooLargeError: as soon as more than `limit` bytes are announced or have come.
        BodyTooSlowError: the time of `clock` is over.
        starlette.requests.ClientDisconnect: the client went away first.
    """
    if announced.isdigit() and int(announced) > limit:
        raise BodyTooLargeError(limit)
    try:
        with clock.wait():
            return await _read_up_to(receive, limit, lease)
    except TimeoutError as error:
        raise BodyTooSlowError from error


async def _read_up_to(receive: Receive, limit: int, lease: Callable[[int], None]) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk: bytes = message.get("body", b"")
        if len(body) + len(chunk) > limit:
            raise BodyTooLargeError(limit)
        lease(len(chunk))
        if not message.get("more_body", False):
            return bytes(body + chunk) if body else chunk
        body += chunk


def unpack(body: bytes, encoding: bytes, limit: int, lease: Callable[[int], None]) -> bytes:
    """What is in a body that is packed as its Content-Encoding says.

    Raises:
        UnknownEncodingError: it is none of gzip, zstd and identity.
        BadEncodingError: it is not what it says, is cut off, or has something behind its end.
        UnpackedTooLargeError: more than `limit` bytes come out.
    """
    name = encoding.strip().lower()
    if name in {b"", b"identity"}:
        return body
    if name not in _UNPACKERS:
        raise UnknownEncodingError(f"Content-Encoding {name.decode('latin-1')!r} is not known here: use gzip or zstd.")
    make, error_type = _UNPACKERS[name]
    try:
        unpacked, is_whole = _unpack_up_to(make(), body, limit)
    except error_type as error:
        raise BadEncodingError(f"is not {name.decode()}: {error}") from error
    if len(unpacked) > limit:
        raise UnpackedTooLargeError(limit)
    if not is_whole:
        raise BadEncodingError(f"is not one whole {name.decode()} stream: it is cut off, or something follows its end")
    lease(len(unpacked))
    return unpacked


_UNPACKERS: dict[bytes, tuple[Callable[[], Any], type[Exception]]] = {
    b"gzip": (lambda: isal_zlib.decompressobj(wbits=_GZIP), cast("type[Exception]", isal_zlib.error)),
    b"zstd": (
        lambda: zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _WINDOW_LOG_MAX}),
        zstd.ZstdError,
    ),
}


def _unpack_up_to(unpacker: Any, body: bytes, limit: int) -> tuple[bytes, bool]:
    unpacked = bytearray(unpacker.decompress(body, limit + 1))
    while not unpacker.eof and len(unpacked) <= limit:
        more = unpacker.decompress(getattr(unpacker, "unconsumed_tail", b""), limit + 1 - len(unpacked))
        if not more:
            break
        unpacked += more
    return bytes(unpacked), unpacker.eof and not unpacker.unused_data
