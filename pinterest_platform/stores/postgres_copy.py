"""PostgreSQL's COPY text format: null, escapes, and lines from Arrow batches.

https://www.postgresql.org/docs/15/sql-copy.html#id-1.9.3.55.9.2
"""

from __future__ import annotations

from typing import Any

NULL = r"\N"
ESCAPES = {"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"}


def copy_text(batch: Any) -> str:
    """The rows of a pyarrow batch as COPY lines, in the order of its columns. No Python runs per field."""
    import pyarrow.compute as pc

    fields = [pc.fill_null(_field(column), NULL) for column in batch.columns]
    lines = pc.binary_join_element_wise(*fields, "\t").to_pylist()
    return "".join(f"{line}\n" for line in lines)


def _field(column: Any) -> Any:
    import pyarrow
    import pyarrow.compute as pc

    if not pyarrow.types.is_string(column.type):
        return column.cast(pyarrow.string())
    for character, escape in ESCAPES.items():
        column = pc.replace_substring(column, character, escape)
    return column
