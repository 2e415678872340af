"""Clean slices read without Spark. In a file that is older than a field, the field is null."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pinterest_platform.pins.cleaning import CLEAN_COLUMNS
from pinterest_platform.pins.fields import ADDED_FIELDS, FieldType
from pinterest_platform.settings import Settings
from pinterest_platform.stores.parquet import read_batches


def read_clean_batches(settings: Settings, files: Sequence[str], columns: Sequence[str] | None = None) -> Iterator[Any]:
    """`read_batches` of clean files. Without `columns`, what a file has beside the clean columns is read too."""
    return read_batches(settings, files, columns, added_columns())


def added_columns() -> list[tuple[int, Any]]:
    """Those of `ADDED_FIELDS`, each with its place among the clean columns."""
    import pyarrow

    kinds = {FieldType.TEXT: pyarrow.string(), FieldType.BIGINT: pyarrow.int64(), FieldType.INTEGER: pyarrow.int32()}
    return [(CLEAN_COLUMNS.index(each.name), pyarrow.field(each.name, kinds[each.type])) for each in ADDED_FIELDS]
