"""Metadata values that materialisations show in the UI: schemas, counts and samples of rows as tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dagster as dg

_CELL = 60  # characters


def table_schema(schema: Any) -> dg.TableSchema:
    """A pyarrow schema as Dagster shows it."""
    return dg.TableSchema([dg.TableColumn(field.name, str(field.type)) for field in schema])


def sample(rows: Sequence[Mapping[str, object]]) -> dg.MarkdownMetadataValue:
    """A few rows as a Markdown table."""
    return markdown_table(list(rows[0]) if rows else [], [row.values() for row in rows])


def counts(title: str, numbers: Mapping[str, int]) -> dg.MarkdownMetadataValue:
    """Counts as a Markdown table, largest first."""
    largest_first = sorted(numbers.items(), key=lambda item: -item[1])
    return markdown_table([title, "count"], largest_first)


def markdown_table(header: Sequence[str], rows: Iterable[Iterable[object]]) -> dg.MarkdownMetadataValue:
    """Rows as a Markdown table. Long cells are shortened."""
    cells = [[_cell(value) for value in row] for row in rows]
    lines = [list(header), ["---"] * len(header), *cells]
    return dg.MetadataValue.md("\n".join("| " + " | ".join(line) + " |" for line in lines))


def _cell(value: object) -> str:
    text = "" if value is None else " ".join(str(value).replace("|", "\\|").split())
    return text if len(text) <= _CELL else text[: _CELL - 1] + "…"
