"""Reads and decompresses a request's body, with limits on its size and duration.

FastAPI's `max_body_size` limits the size too. But it answers in plain text and closes while the client still sends, so
most clients see a reset connection and no answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from backports import zstd
from isal import isal_zlib
from starlette.requests import ClientDisconnect
from starlette.types import Receive

from ingest_api.body_clock import BodyClock

# Together with the time for an answer, less than the server waits when it stops.
BODY_SECONDS = 4.0
_GZIP = 31  # zlib's wbits for gzip's header and trailer
# Windows of 8 MiB, which RFC 8878 asks decoders to support. Larger ones would let a small body claim much memory.
_WINDOW_LOG_MAX = 23


class BodyTooLargeError(Exception):
    """The body is larger than `limit` bytes; the rest of it was not read."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"The body is larger than {limit} bytes.")


class UnpackedTooLargeError(Exception):
    """The decompressed body is larger than `limit` bytes; the rest of it was not decompressed."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"The decompressed body is larger than {limit} bytes.")


class BodyTooSlowError(Exception):
    """The body was not complete in time."""

    def __init__(self) -> None:
        super().__init__(f"The body was not complete after {BODY_SECONDS:.0f} s.")


class UnknownEncodingError(Exception):
    """The API does not support the body's Content-Encoding."""


class BadEncodingError(Exception):
    """The body does not match its Content-Encoding."""


def no_lease(_size: int) -> None:
    """The lease of a body that does not count towards the limit for batches."""


async def read_body(
    receive: Receive, announced: bytes, limit: int, clock: BodyClock, lease: Callable[[int], None] = no_lease
) -> bytes:
    """Returns the whole body. `announced` is its Content-Length or empty; `lease` is called with each chunk's size.

    Raises:
        BodyTooLargeError: more than `limit` bytes are announced or have arrived.
        BodyTooSlowError: the body was not complete within the time of `clock`.
        starlette.requests.ClientDisconnect: the client disconnected.
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
    """Decompresses a body according to its Content-Encoding; `lease` is called with the resulting size.

    Raises:
        UnknownEncodingError: the encoding is not gzip, zstd or identity.
        BadEncodingError: the body is not in this encoding, is cut off, or has bytes after its end.
        UnpackedTooLargeError: the result is larger than `limit` bytes.
    """
    name = encoding.strip().lower()
    if name in {b"", b"identity"}:
        return body
    if name not in _UNPACKERS:
        raise UnknownEncodingError(f"Content-Encoding {name.decode('latin-1')!r} is not supported. Use gzip or zstd.")
    make, error_type = _UNPACKERS[name]
    try:
        unpacked, is_whole = _unpack_up_to(make(), body, limit)
    except error_type as error:
        raise BadEncodingError(f"cannot be decompressed as {name.decode()}: {error}") from error
    if len(unpacked) > limit:
        raise UnpackedTooLargeError(limit)
    if not is_whole:
        raise BadEncodingError(f"is not one complete {name.decode()} stream: it is cut off, or bytes follow its end")
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
