from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable

import pytest
from backports import zstd
from starlette.requests import ClientDisconnect
from starlette.types import Message

from ingest_api.body_clock import BodyClock
from ingest_api.request_body import (
    BadEncodingError,
    BodyTooLargeError,
    UnknownEncodingError,
    UnpackedTooLargeError,
    read_body,
    unpack,
)

Pack = Callable[[bytes], bytes]
PACKED = pytest.mark.parametrize(("encoding", "pack"), [(b"gzip", gzip.compress), (b"zstd", zstd.compress)])


def ignore(_size: int) -> None: ...


class Sender:
    """A client that sends these chunks, one a message, and remembers how many were fetched."""

    def __init__(self, *chunks: bytes, goes_away: bool = False) -> None:
        self.fetched = 0
        self._chunks = chunks
        self._goes_away = goes_away

    async def receive(self) -> Message:
        if self.fetched == len(self._chunks):
            return {"type": "http.disconnect"}
        self.fetched += 1
        more = self.fetched < len(self._chunks) or self._goes_away
        return {"type": "http.request", "body": self._chunks[self.fetched - 1], "more_body": more}


def test_chunks_are_put_together_and_claimed_as_they_come() -> None:
    leased: list[int] = []
    sender = Sender(b"abc", b"", b"de")
    assert asyncio.run(read_body(sender.receive, b"", 5, BodyClock(1), leased.append)) == b"abcde"
    assert leased == [3, 0, 2]


def test_a_body_that_grows_too_large_is_not_read_on() -> None:
    sender = Sender(*[b"x" * 10] * 100)
    with pytest.raises(BodyTooLargeError, match="larger than 25 bytes"):
        asyncio.run(read_body(sender.receive, b"", 25, BodyClock(1)))
    assert sender.fetched == 3


def test_a_body_that_is_announced_as_too_large_is_not_read_at_all() -> None:
    sender = Sender(b"x")
    with pytest.raises(BodyTooLargeError):
        asyncio.run(read_body(sender.receive, b"1073741824", 25, BodyClock(1)))
    assert sender.fetched == 0


def test_a_client_that_goes_away_is_noticed() -> None:
    with pytest.raises(ClientDisconnect):
        asyncio.run(read_body(Sender(b"abc", goes_away=True).receive, b"", 5, BodyClock(1)))


@pytest.mark.parametrize("encoding", [b"", b"identity", b" Identity "])
def test_a_body_that_is_not_packed_stays_as_it_is(encoding: bytes) -> None:
    assert unpack(b"abc", encoding, 3, ignore) == b"abc"


@PACKED
def test_a_packed_body_is_unpacked_and_its_size_claimed(encoding: bytes, pack: Pack) -> None:
    leased: list[int] = []
    body = bytes(range(256)) * 4_000
    assert unpack(pack(body), encoding.upper(), len(body), leased.append) == body
    assert leased == [len(body)]


@PACKED
def test_what_unpacks_to_more_than_the_limit_is_refused(encoding: bytes, pack: Pack) -> None:
    with pytest.raises(UnpackedTooLargeError, match="decompressed body is larger than 1000 bytes"):
        unpack(pack(b"x" * 100_000_000), encoding, 1_000, ignore)


@PACKED
def test_damage_is_named(encoding: bytes, pack: Pack) -> None:
    whole = pack(b"abc" * 100)
    for damaged, reason in (
        (b"no such thing", "cannot be decompressed as (gzip|zstd): "),
        (whole[:-1], "is cut off"),
        (whole + whole, "bytes follow its end"),
        (b"", "is cut off"),
    ):
        with pytest.raises(BadEncodingError, match=reason):
            unpack(damaged, encoding, 1_000, ignore)


def test_a_checksum_is_checked() -> None:
    packed = bytearray(gzip.compress(b"abc" * 100))
    packed[-6] ^= 1
    with pytest.raises(BadEncodingError):
        unpack(bytes(packed), b"gzip", 1_000, ignore)


def test_a_zstd_window_that_would_claim_much_memory_is_refused() -> None:
    far: dict[int, int] = {zstd.CompressionParameter.window_log: 27, zstd.CompressionParameter.content_size_flag: 0}
    compressor = zstd.ZstdCompressor(options=far)
    with pytest.raises(BadEncodingError, match="cannot be decompressed as zstd"):
        unpack(compressor.compress(b"x" * 1_000) + compressor.flush(), b"zstd", 10_000, ignore)


def test_another_encoding_is_named() -> None:
    with pytest.raises(UnknownEncodingError, match=r"'br' is not supported\. Use gzip or zstd"):
        unpack(b"abc", b"br", 10, ignore)
