"""Reads clean slices without Spark. A field is null in files older than the field."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pinterest_platform.pins.cleaning import CLEAN_COLUMNS
from pinterest_platform.pins.fields import ADDED_FIELDS, FieldType
from pinterest_platform.settings import Settings
from pinterest_platform.stores.parquet import read_batches


def read_clean_batches(settings: Settings, files: Sequence[str], columns: Sequence[str] | None = None) -> Iterator[Any]:
    """`read_batches` for clean files. By default all columns of a file are read, also any beyond the clean ones."""
    return read_batches(settings, files, columns, added_columns())


def added_columns() -> list[tuple[int, Any]]:
    """`ADDED_FIELDS` as (position among the clean columns, pyarrow field)."""
    import pyarrow

    kinds = {FieldType.TEXT: pyarrow.string(), FieldType.BIGINT: pyarrow.int64(), FieldType.INTEGER: pyarrow.int32()}
    return [(CLEAN_COLUMNS.index(each.name), pyarrow.field(each.name, kinds[each.type])) for each in ADDED_FIELDS]
