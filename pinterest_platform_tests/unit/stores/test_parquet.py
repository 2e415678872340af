"""Reading Parquet files of which some are older than a column."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import dataset, parquet

from pinterest_platform.settings import Settings
from pinterest_platform.stores import parquet as stored
from pinterest_platform.stores.parquet import read_batches, with_added

LANGUAGE = pyarrow.field("language", pyarrow.string())


def rows(batches: Any) -> list[dict[str, Any]]:
    return [row for batch in batches for row in batch.to_pylist()]


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """An old file and a new one."""
    old, new = str(tmp_path / "old"), str(tmp_path / "new")
    parquet.write_table(pyarrow.table({"title": ["a"], "event_id": ["1"]}), old)
    parquet.write_table(pyarrow.table({"title": ["b"], "language": ["el"], "event_id": ["2"]}), new)
    monkeypatch.setattr(stored, "_open", lambda _settings, keys: dataset.dataset(list(keys), format="parquet"))
    return [old, new]


def test_a_column_that_a_file_lacks_is_null_in_its_rows(files: list[str]) -> None:
    found = rows(read_batches(Settings(), files, ["title", "language"], [(1, LANGUAGE)]))

    assert found == [{"title": "a", "language": None}, {"title": "b", "language": "el"}]


def test_whoever_reads_every_column_finds_an_added_one_in_its_place(files: list[str]) -> None:
    first, *_ = read_batches(Settings(), files, added=[(1, LANGUAGE)])

    assert first.schema.names == ["title", "language", "event_id"]


def test_columns_that_are_there_stay_as_they_are() -> None:
    schema = pyarrow.schema([("title", pyarrow.string()), ("language", pyarrow.int64())])

    assert with_added(schema, [(1, LANGUAGE), (9, pyarrow.field("width", pyarrow.int32()))]) == schema.append(
        pyarrow.field("width", pyarrow.int32())
    )
