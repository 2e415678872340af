"""Column rules of clean pins as a Pandera schema, checked batch by batch without Spark.

Import this module only where it is used: Pandera takes seconds to import.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas as pd  # noqa: TID253 - this module is itself imported only where used
import pandera.pandas as pa  # noqa: TID253
import pyarrow

from pinterest_platform.pins.fields import PIN_FIELDS, FieldType, PinField

_EXAMPLES = 5
_TEXT = pd.ArrowDtype(pyarrow.string())
_LONG = pd.ArrowDtype(pyarrow.int64())
_INTEGER = pd.ArrowDtype(pyarrow.int32())
_OF_FIELD = {FieldType.TEXT: _TEXT, FieldType.BIGINT: _LONG, FieldType.INTEGER: _INTEGER}
_DATE = pd.ArrowDtype(pyarrow.date32())
_TIMESTAMP = pd.ArrowDtype(pyarrow.timestamp("ns"))  # Spark writes UTC as INT96, without a time zone


def _range(field: PinField) -> pa.Check | None:
    if field.type is FieldType.TEXT:
        return None
    if not field.is_posted_as_number:
        return pa.Check.ge(0)  # a count parsed from text
    least, greatest = field.range
    if (field.least, field.greatest) == (None, None):
        return None
    return pa.Check.isin([least, greatest]) if greatest - least == 1 else pa.Check.in_range(least, greatest)


CLEAN_PINS = pa.DataFrameSchema(
    {
        **{
            field.name: pa.Column(_OF_FIELD[field.type], _range(field), nullable=field.is_nullable)
            for field in PIN_FIELDS
        },
        "event_id": pa.Column(_TEXT),
        "ingested_at": pa.Column(_TIMESTAMP),
        "ingest_date": pa.Column(_DATE),
        "kafka_partition": pa.Column(_INTEGER, pa.Check.ge(0)),
        "kafka_offset": pa.Column(_LONG, pa.Check.ge(0)),
    },
    strict=True,
    ordered=True,
)
"""The columns of `pins.cleaning.CLEAN_COLUMNS`."""


def violations(batches: Iterable[Any]) -> dict[str, list[str]]:
    """Check pyarrow batches of clean pins; returns examples by column and broken rule, empty if nothing is wrong.

    A wrong value gives up to five distinct examples per rule, a wrong type one.
    """
    found: dict[str, list[str]] = {}
    for batch in batches:
        rows = pyarrow.Table.from_batches([batch]).to_pandas(types_mapper=pd.ArrowDtype)
        try:
            CLEAN_PINS.validate(rows, lazy=True)
        except pa.errors.SchemaErrors as errors:
            for case in errors.failure_cases.itertuples():
                _note(found, f"{case.column or 'columns'}: {case.check}", str(case.failure_case))
    return found


def repeated_ids(read: Callable[[], Iterable[Any]]) -> list[str]:
    """Up to five `unique_id`s that occur more than once, sorted.

    It keeps only a hash of 8 bytes per id. Ids with equal hashes are read again and compared.

    Args:
        read: starts a new read of pyarrow batches with the column `unique_id`. Called a second time only if hashes
            are equal.
    """
    hashes = np.concatenate([np.empty(0, dtype=np.uint64), *(_hashes(batch) for batch in read())])
    hashes.sort()
    repeated = hashes[1:][hashes[1:] == hashes[:-1]]
    if not len(repeated):
        return []
    counted: Counter[str] = Counter()
    for batch in read():
        counted.update(_ids(batch)[np.isin(_hashes(batch), repeated)])
    return sorted(name for name, count in counted.items() if count > 1)[:_EXAMPLES]


def _note(found: dict[str, list[str]], rule: str, example: str) -> None:
    examples = found.setdefault(rule, [])
    if len(examples) < _EXAMPLES and example not in examples:
        examples.append(example)


def _ids(batch: Any) -> Any:
    return batch.column("unique_id").drop_null().to_numpy(zero_copy_only=False)


def _hashes(batch: Any) -> Any:
    return pd.util.hash_array(_ids(batch), categorize=False)
