"""Superseded raw records: the same as by comparing every pair of versions."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinterest_platform.reconciliation import superseded
from pinterest_platform.reconciliation.superseded import older_versions, versions_in, versions_of

PINS = ["a", "b", "Ελένη", ""]
# Pin, time, offset, partition: coordinates are unique, times are not.
VERSIONS = st.lists(
    st.tuples(st.sampled_from(PINS), st.integers(0, 3), st.integers(0, 9), st.integers(0, 2)),
    unique_by=lambda version: version[2:],
)
Version = tuple[str, int, int, int]


def line(version: Version) -> dict[str, Any]:
    pin, timestamp, offset, partition = version
    value = json.dumps({"unique_id": pin})
    return {"partition": partition, "offset": offset, "timestamp": timestamp, "value": value}


def batch(*versions: Version) -> Any:
    rows = [
        {
            "unique_id": pin,
            "ingested_at": datetime.fromtimestamp(time / 1000, UTC).replace(tzinfo=None),
            "kafka_offset": offset,
            "kafka_partition": partition,
        }
        for pin, time, offset, partition in versions
    ]
    types = {"unique_id": "string", "ingested_at": "timestamp[ns]", "kafka_offset": "int64", "kafka_partition": "int32"}
    schema = pyarrow.schema([(name, pyarrow.type_for_alias(kind)) for name, kind in types.items()])
    return pyarrow.RecordBatch.from_pylist(rows, schema=schema)


def found(lines: list[dict[str, Any]], *batches: Any) -> set[tuple[int, int]]:
    older = older_versions(versions_in(lines), lambda: map(versions_of, batches)).by_partition
    return {(partition, int(offset)) for partition, offsets in older.items() for offset in offsets}


@given(VERSIONS, st.integers(0, 4))
def test_all_but_the_newest_version_of_a_pin_are_older(versions: list[Version], first_batch: int) -> None:
    newest = {pin: max(version for version in versions if version[0] == pin) for pin, *_ in versions}
    rows = list(newest.values())

    older = found([line(version) for version in versions], batch(*rows[:first_batch]), batch(*rows[first_batch:]))

    assert older == {(version[3], version[2]) for version in versions if version not in rows}


def test_more_versions_than_are_compared_at_once_are_all_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(superseded, "_TOGETHER", 4)
    lines = [line((PINS[number % 2], number, number, number % 3)) for number in range(11)]

    older = found(lines, batch(("a", 10, 10, 1)), batch(("b", 9, 9, 0)))

    assert older == {(number % 3, number) for number in range(9)}


def test_a_pin_that_the_clean_slice_lacks_is_superseded_by_nothing() -> None:
    assert found([line(("a", 0, 0, 0))], batch(("b", 1, 1, 0))) == set()


def test_a_version_that_is_newer_than_the_clean_one_is_not_superseded() -> None:
    assert found([line(("a", 2, 0, 0))], batch(("a", 1, 1, 0))) == set()


@pytest.mark.parametrize(
    "value",
    [
        f'{{"unique_id": "a", "more": {"9" * 400}}}',
        '{"unique_id": "a", "more": 1e999}',
        '{"unique_id": 7, "unique_id": "a"}',
        r'{"unique\u005fid": "\u0061"}',
    ],
)
def test_a_pin_is_known_however_its_json_is_spelled(value: str) -> None:
    assert found([line(("a", 0, 0, 0)) | {"value": value}], batch(("a", 1, 1, 0))) == {(0, 0)}


def test_what_is_no_pin_is_superseded_by_nothing() -> None:
    values = ["[]", "no json", None, '{"unique_id": 7}', "{}", '{"unique_id": "a", "unique_id": 7}', "9" * 400]
    values += ['{"unique_id": "a", "more": [NaN, 1e999]}', '{"unique_id": "a", "more": ' + "[" * 2_000 + "1e999"]
    lines = [line(("a", 0, number, 0)) | {"value": value} for number, value in enumerate(values)]

    assert found([*lines, {"partition": 0, "offset": 9, "timestamp": 0}], batch(("a", 1, 10, 0))) == set()
