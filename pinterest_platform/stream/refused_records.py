"""Finds records that PostgreSQL refuses and stores them as rejects, with PostgreSQL's error as the reason.

This is the last safety net, below cleaning and the limits of the fields. A refused batch is written in halves, down to
the single record. Each half is a transaction with its rows and its next offsets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import psycopg

from pinterest_platform.pins.calendar import MISDATED_DAY
from pinterest_platform.stores.postgres_copy import ESCAPES, NULL
from pinterest_platform.stream.copy_lines import LINE_COLUMNS
from pinterest_platform.stream.outages import is_postgres_outage, may_be_repeated
from pinterest_platform.stream.sink import BatchOutcome

REFUSED = "PostgreSQL refused it"
_LONGEST_WORDS = 200
_KEPT = ("ingested_at", "ingest_date", "kafka_partition", "kafka_offset", "original")
_NO_TEXT = {"original": NULL}
_NO_DAY = {"ingested_at": f"{MISDATED_DAY} 00:00:00+00", "ingest_date": str(MISDATED_DAY)}
# Errors that are not about a record: authentication, transaction state, database and schema names, access rights and
# syntax, object state, I/O, a corrupted table or index.
_NOT_OF_A_RECORD = ("28", "25", "3D", "3F", "42", "55", "57", "58", "XX001", "XX002")

Write = Callable[[Sequence[str]], BatchOutcome]


def write_or_reject(write: Write, lines: Sequence[str]) -> Iterator[BatchOutcome]:
    """Write the lines, and store those that PostgreSQL refuses as rejects; yields the outcome of each transaction.

    Args:
        write: stores lines and their next offsets in one transaction, or nothing.
        lines: `copy_lines` of a micro-batch.

    Raises:
        Exception: any error of `write` that is not about a record.
    """
    try:
        outcome = write(lines)
    except psycopg.Error as error:
        if not is_of_a_record(error):
            raise
        yield from _write_in_parts(write, lines, error)
    else:
        yield outcome


def is_of_a_record(error: psycopg.Error) -> bool:
    """Whether PostgreSQL refused the content of a record, and would accept others."""
    if is_postgres_outage(error) or may_be_repeated(error):
        return False
    if error.sqlstate is None:
        return isinstance(error, psycopg.DataError)
    return not error.sqlstate.startswith(_NOT_OF_A_RECORD)


def _write_in_parts(write: Write, lines: Sequence[str], refusal: psycopg.Error) -> Iterator[BatchOutcome]:
    if len(lines) == 1:
        yield _write_as_reject(write, lines[0], refusal)
        return
    # A partition's progress is the offset after the last one written, so lines must be written in order.
    ordered = sorted(lines, key=_place)
    middle = len(ordered) // 2
    yield from write_or_reject(write, ordered[:middle])
    yield from write_or_reject(write, ordered[middle:])


def _write_as_reject(write: Write, line: str, refusal: psycopg.Error) -> BatchOutcome:
    """Store the record as a reject. If its text or its day is refused too, they are left out."""
    fields = _fields(line)
    kept = {name: fields[name] for name in _KEPT} | {"reason": _escaped(_in_words(refusal))}
    for without in ({}, _NO_TEXT, _NO_DAY):
        try:
            return write([_line(kept | without)])
        except psycopg.Error as error:
            if not is_of_a_record(error):
                raise
    return write([_line(kept | _NO_TEXT | _NO_DAY)])


def _in_words(refusal: psycopg.Error) -> str:
    words = (refusal.diag.message_primary or str(refusal)).strip().splitlines()[0][:_LONGEST_WORDS]
    return f"{REFUSED}: {words} ({refusal.sqlstate or type(refusal).__name__})"


def _line(fields: Mapping[str, str]) -> str:
    return "\t".join(fields.get(name, NULL) for name in LINE_COLUMNS)


def _escaped(text: str) -> str:
    for character, escape in ESCAPES.items():
        text = text.replace(character, escape)
    return text


def _place(line: str) -> tuple[int, int]:
    fields = _fields(line)
    return int(fields["kafka_partition"]), int(fields["kafka_offset"])


def _fields(line: str) -> dict[str, str]:
    return dict(zip(LINE_COLUMNS, line.split("\t"), strict=True))
