"""What a materialisation shows in the Dagster UI: table schemas and samples of rows.

Belongs here: the form. Which facts an asset reports is the asset's own matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import dagster as dg
from pyspark.sql import DataFrame
from pyspark.sql.types import StructType

_CELL = 40  # characters; a sample is for looking at, not for reading


def table_schema(schema: StructType) -> dg.TableSchema:
    """A Spark schema as Dagster shows it."""
    columns = [
        dg.TableColumn(
            field.name, field.dataType.simpleString(), constraints=dg.TableColumnConstraints(nullable=field.nullable)
        )
        for field in schema.fields
    ]
    return dg.TableSchema(columns)


def sample(rows: DataFrame, size: int = 5) -> dg.MarkdownMetadataValue:
    """A few rows as a table."""
    return markdown_table(rows.columns, [tuple(row) for row in rows.limit(size).collect()])


def counts(title: str, numbers: Mapping[str, int]) -> dg.MarkdownMetadataValue:
    """Counts as a table, the largest first."""
    largest_first = sorted(numbers.items(), key=lambda item: -item[1])
    return markdown_table([title, "count"], largest_first)


def markdown_table(header: Sequence[str], rows: Iterable[Iterable[object]]) -> dg.MarkdownMetadataValue:
    """Rows as a Markdown table with shortened cells."""
    cells = [[_cell(value) for value in row] for row in rows]
    lines = [list(header), ["---"] * len(header), *cells]
    return dg.MetadataValue.md("\n".join("| " + " | ".join(line) + " |" for line in lines))


def _cell(value: object) -> str:
    text = "" if value is None else " ".join(str(value).replace("|", "\\|").split())
    return text if len(text) <= _CELL else text[: _CELL - 1] + "…"
