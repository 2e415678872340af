"""Pieces of a partition: what landing holds in memory at a time.

A piece is bounded in records and in bytes: it ends with a chunk of 10,000 offsets, or at 32 MiB of lines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import dataclass, field
from datetime import date
from itertools import chain

from pinterest_platform.landing.raw_objects import encode_record
from pinterest_platform.pins.calendar import MILLISECONDS_A_DAY, MISDATED_DAY, PlausibleTimes, day_of, start_of
from pinterest_platform.stores.kafka import RecordsDeletedError
from pinterest_platform.stores.kafka_batches import Record

# Records of this many offsets make one raw object. Large lines go to smaller chunks, so that an object holds at most
# 100 MB of lines.
CHUNK_OFFSETS = 10_000
_LARGE_LINE, _HUGE_LINE = 4_096, 65_536
BYTES_A_PIECE = 32 * 1024 * 1024
_MISDATED = start_of(MISDATED_DAY) // MILLISECONDS_A_DAY


@dataclass
class Piece:
    """The records of `[first, following)` as lines, grouped by raw object and then by offset.

    An object is identified by its day, the first offset of its chunk, and the size of a smaller chunk or None.
    `last_day` is the day of the last record that is not misdated.
    """

    first: int
    following: int
    lines: dict[tuple[date, int, int | None], dict[int, bytes]] = field(default_factory=dict)
    last_day: date | None = None
    records: int = 0
    value_bytes: int = 0


def finer_grid(line: bytes) -> int | None:
    """How many offsets share an object, for a line of this size; None for the normal chunk."""
    if len(line) < _LARGE_LINE:
        return None
    return max(1, CHUNK_OFFSETS // (10 if len(line) < _HUGE_LINE else 100))


def pieces(
    records: Iterable[Record],
    first: int,
    stop: int,
    times: PlausibleTimes,
    misdated_in: Callable[[int, int], Set[int]],
) -> Iterator[Piece]:
    """The records of `[first, stop)` as consecutive pieces without gaps.

    Args:
        records: of the partition, in the order of their offsets.
        first: the first offset.
        stop: the offset after the last.
        times: the plausible timestamps.
        misdated_in: `misdated_in(chunk_first, chunk_end)` gives the offsets that were landed as misdated. They stay
            misdated, even if the clock has caught up with them.

    Raises:
        RecordsDeletedError: from reading, after everything read before it has been yielded.
    """
    reading = iter(records)
    record = _next(reading)
    while isinstance(record, Record):
        end = min(stop, record.offset - record.offset % CHUNK_OFFSETS + CHUNK_OFFSETS)
        misdated = misdated_in(record.offset - record.offset % CHUNK_OFFSETS, end)
        piece, record = _piece(record, reading, first, end, times, misdated)
        first = piece.following
        yield piece
    if isinstance(record, RecordsDeletedError):
        raise record
    if first < stop:
        yield Piece(first, stop)


def _piece(
    begin: Record, reading: Iterator[Record], first: int, end: int, times: PlausibleTimes, misdated: Set[int]
) -> tuple[Piece, Record | RecordsDeletedError | None]:
    """The piece that begins with `begin`, and what follows it. One long loop: every record passes through it."""
    lines: dict[tuple[int, int, int | None], dict[int, bytes]] = {}
    of_chunk: dict[int, bytes] = {}
    of_number: int | None = None
    last: int | None = None
    following: Record | RecordsDeletedError | None = None
    earliest, latest, size, records, value_bytes, last_offset = times.first, times.last, 0, 0, 0, begin.offset
    try:
        for record in chain((begin,), reading):
            offset, timestamp = record.offset, record.timestamp
            if offset >= end or size >= BYTES_A_PIECE:
                following = record
                break
            line = encode_record(record)
            # Day numbers, since creating a date per record would be a tenth of the work.
            number = timestamp // MILLISECONDS_A_DAY if earliest <= timestamp <= latest else _MISDATED
            if misdated and offset in misdated:
                number = _MISDATED
            if number != of_number or len(line) >= _LARGE_LINE:
                finer = finer_grid(line)
                of_chunk = lines.setdefault((number, offset - offset % (finer or CHUNK_OFFSETS), finer), {})
                of_number = number if finer is None else None
            of_chunk[offset] = line
            last = last if number == _MISDATED else number
            size += len(line)
            records += 1
            value_bytes += len(record.value or b"")
            last_offset = offset
    except RecordsDeletedError as error:
        following = error
    at_end = not isinstance(following, RecordsDeletedError) and (following is None or following.offset >= end)
    return Piece(
        first=first,
        following=end if at_end else last_offset + 1,
        # Misdated first, so that no later landing can decide otherwise about one of them.
        lines={(_day(of[0]), of[1], of[2]): lines[of] for of in sorted(lines, key=lambda chunk: chunk[0])},
        last_day=None if last is None else _day(last),
        records=records,
        value_bytes=value_bytes,
    ), following


def _day(number: int) -> date:
    return day_of(number * MILLISECONDS_A_DAY)


def _next(reading: Iterator[Record]) -> Record | RecordsDeletedError | None:
    try:
        return next(reading, None)
    except RecordsDeletedError as error:
        return error
