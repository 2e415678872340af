"""Arrow rows as lines for COPY."""

from __future__ import annotations

from datetime import date, datetime

import pyarrow
from hypothesis import given
from hypothesis import strategies as st

from pinterest_platform.stores.postgres_copy import copy_text

UNESCAPED = {"\\": "\\", "t": "\t", "n": "\n", "r": "\r"}
TEXTS = pyarrow.schema([("a", pyarrow.string()), ("b", pyarrow.string())])


@given(st.lists(st.tuples(st.none() | st.text(), st.none() | st.text()), max_size=5))
def test_every_text_can_be_read_back(rows: list[tuple[str | None, str | None]]) -> None:
    batch = pyarrow.RecordBatch.from_pylist([{"a": first, "b": second} for first, second in rows], TEXTS)

    *lines, rest = copy_text(batch).split("\n")

    assert [tuple(map(_read, line.split("\t"))) for line in lines] == rows
    assert rest == ""


def test_numbers_dates_and_times_are_as_postgresql_reads_them() -> None:
    at = datetime.fromisoformat("2026-11-16T12:00:00.005")
    batch = pyarrow.RecordBatch.from_pylist([{"a": 7, "b": at.date(), "c": at}, {"a": None, "b": date.max, "c": at}])

    assert copy_text(batch) == (
        "7\t2026-11-16\t2026-11-16 12:00:00.005000\n\\N\t9999-12-31\t2026-11-16 12:00:00.005000\n"
    )


def _read(field: str) -> str | None:
    if field == r"\N":
        return None
    text, characters = "", iter(field)
    for character in characters:
        text += UNESCAPED[next(characters)] if character == "\\" else character
    return text
