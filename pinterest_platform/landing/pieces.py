"""Pieces of a partition: what landing holds in memory at a time.

Belongs here: where a piece ends, and which slice and object each of its lines is for. Does not belong here: what is
done with a piece (`landing.landing`).

A piece is bounded in records and in bytes, whatever comes: a chunk of the offset grid has up to 10,000 records, and a
record up to a megabyte or more.
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

# The grid of raw objects: the lines of so many offsets are one object. Large lines have finer grids of their own, so
# that an object has 100 MB of lines at most, however large the records are.
CHUNK_OFFSETS = 10_000
_LARGE_LINE, _HUGE_LINE = 4_096, 65_536
BYTES_A_PIECE = 32 * 1024 * 1024
_MISDATED = start_of(MISDATED_DAY) // MILLISECONDS_A_DAY


@dataclass
class Piece:
    """The lines of the records of `[first, following)`, by offset, for each object that they belong to.

    An object is given as the day of its slice, where its chunk of the grid begins, and its finer grid, if it has one.
    `last_day` is the day of the last record that is not misdated.
    """

    first: int
    following: int
    lines: dict[tuple[date, int, int | None], dict[int, bytes]] = field(default_factory=dict)
    last_day: date | None = None
    records: int = 0
    value_bytes: int = 0


def finer_grid(line: bytes) -> int | None:
    """Of how many offsets lines of this size are one object; None where it is the grid of all."""
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
    """The records of `[first, stop)` in pieces that follow each other without a gap.

    `misdated_in(chunk_first, chunk_end)` are offsets that an earlier landing has put among the misdated: there they
    stay, although the clock has caught up with them since.

    Raises:
        RecordsDeletedError: as reading does, after what had been read before.
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
    """The piece that begins with the record, and what follows it. One long loop: every record goes through it."""
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
            # A number for a day: the date itself, made for each record, is a tenth of the work.
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
        # The misdated come first, so that no later landing can decide otherwise about one of them.
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
