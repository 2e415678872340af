"""Posts rows of a CSV or NDJSON file, or of a table at a SQLAlchemy URL (the original project had one in MySQL)."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import orjson

from ingest_api.emulator.damage import damaged
from ingest_api.emulator.post import Post
from pinterest_platform.pins.fields import ADDED_FIELDS, FIRST_FIELDS

Row = dict[str, Any]
NUMBERS = tuple(each.posted_name for each in FIRST_FIELDS if each.is_posted_as_number)
NUMBERS_IF_ANY = tuple(each.posted_name for each in ADDED_FIELDS if each.is_posted_as_number)


class SourceError(Exception):
    """The rows cannot be read. The text says which ones and what to do."""


def read_rows(source: str, table: str) -> Sequence[Row]:
    """All rows of a .csv, .ndjson or .jsonl file, or of `table` in the database at a SQLAlchemy URL.

    Raises:
        SourceError: the file, the database, the table or a row cannot be read, or there are no rows.
    """
    if "://" in source:
        rows = _rows_of_table(source, table)
    else:
        try:
            rows = list(_reader_of(source)(Path(source)))
        except OSError as error:
            raise SourceError(f"Cannot read {source} ({error.strerror}). Choose another --source.") from error
        except UnicodeDecodeError as error:
            raise SourceError(f"{source} is not UTF-8 text ({error.reason}). Convert it first.") from error
    if not rows:
        raise SourceError(f"{source} has no rows. Choose another --source.")
    return rows


def draw_rows(rows: Sequence[Row], *, in_order: bool) -> Callable[[int, Callable[[], str], float], Iterator[Post]]:
    """Like `draw_posts`, from these rows: without end and with replacement, or each row once in order.

    A drawn row gets a new `event_id` each time. In order, rows keep the `event_id` they have.
    """

    def draw(seed: int, new_event_id: Callable[[], str], malformed_share: float = 0.0) -> Iterator[Post]:
        random = Random(seed)  # noqa: S311 - not for secrets
        for number in range(len(rows)) if in_order else (random.randrange(len(rows)) for _ in count()):
            row = rows[number]
            kept = row.get("event_id") if in_order else None
            event_id = str(kept or new_event_id())
            body = orjson.dumps(row | {"event_id": event_id}, default=str)
            yield damaged(Post(str(row.get("unique_id", "")), event_id, body), random, malformed_share)

    return draw


def _reader_of(source: str) -> Callable[[Path], Iterator[Row]]:
    match Path(source).suffix.lower():
        case ".csv":
            return _rows_of_csv
        case ".ndjson" | ".jsonl":
            return _rows_of_lines
    raise SourceError(
        f"{source} is neither a .csv, .ndjson or .jsonl file nor the URL of a database, such as sqlite:///pins.db."
    )


def _rows_of_csv(file: Path) -> Iterator[Row]:
    with file.open(encoding="utf-8-sig", newline="") as content:
        for number, row in enumerate(csv.DictReader(content), start=1):
            try:
                yield _with_numbers(row)
            except (KeyError, TypeError, ValueError) as error:
                raise SourceError(
                    f"Row {number} of {file} has no whole number in {' and '.join(NUMBERS)} ({error}). Fix it first."
                ) from error


def _with_numbers(row: Row) -> Row:
    """A CSV file has texts only; of a field that a post may lack, an empty one is no number."""
    optional = {name: int(row[name]) if row[name] else None for name in NUMBERS_IF_ANY if name in row}
    return row | {name: int(row[name]) for name in NUMBERS} | optional


def _rows_of_lines(file: Path) -> Iterator[Row]:
    with file.open("rb") as content:
        for number, line in enumerate(content, start=1):
            if line.isspace():
                continue
            try:
                row = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise SourceError(f"Line {number} of {file} is not JSON ({error}). Fix it first.") from error
            if not isinstance(row, dict):
                raise SourceError(f"Line {number} of {file} is not a JSON object. Fix it first.")
            yield row


def _rows_of_table(url: str, table: str) -> Sequence[Row]:
    import sqlalchemy  # takes half a second and is rarely needed

    try:
        engine = sqlalchemy.create_engine(url)
        with engine.connect() as connection:
            found = sqlalchemy.Table(table, sqlalchemy.MetaData(), autoload_with=connection)
            rows = [dict(row) for row in connection.execute(sqlalchemy.select(found)).mappings()]
        engine.dispose()
    except sqlalchemy.exc.NoSuchTableError as error:
        raise SourceError(f"The database has no table {table}. Name another with --table.") from error
    except (sqlalchemy.exc.SQLAlchemyError, ModuleNotFoundError) as error:
        # Only the first line: the others may contain the URL, and so a password.
        raise SourceError(f"The database cannot be read: {str(error).splitlines()[0]}") from error
    return rows
