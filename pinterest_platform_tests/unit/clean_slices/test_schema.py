"""Pandera's validation of clean pins, batch by batch."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy
import pandas
import pyarrow
import pytest

from pinterest_platform.clean_slices.schema import CLEAN_PINS, repeated_ids, violations
from pinterest_platform.pins.cleaning import CLEAN_COLUMNS
from pinterest_platform_tests.support.clean_slices import CLEAN_SCHEMA, batch, clean_pin

DAY = date(2026, 11, 16)


def test_the_schema_has_the_public_columns_in_order() -> None:
    assert tuple(CLEAN_PINS.columns) == CLEAN_COLUMNS


def test_good_pins_break_no_rule() -> None:
    assert violations([batch(), batch(clean_pin(DAY), clean_pin(DAY, follower_count=None, downloaded=None))]) == {}


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [
        ("unique_id", None, "not_nullable"),
        ("category", None, "not_nullable"),
        ("ingested_at", None, "not_nullable"),
        ("follower_count", -1, "greater_than_or_equal_to(0)"),
        ("downloaded", 2, "isin([0, 1])"),
        ("kafka_offset", -1, "greater_than_or_equal_to(0)"),
    ],
)
def test_a_wrong_value_is_named_with_its_column(column: str, value: Any, rule: str) -> None:
    assert list(violations([batch(clean_pin(DAY, **{column: value}))])) == [f"{column}: {rule}"]


def test_a_wrong_type_is_seen_although_there_are_no_rows() -> None:
    as_text = CLEAN_SCHEMA.set(6, pyarrow.field("follower_count", pyarrow.string()))

    assert violations([batch(schema=as_text)]) == {"follower_count: dtype('int64[pyarrow]')": ["string[pyarrow]"]}


def test_a_column_too_many_and_one_too_few_are_named() -> None:
    renamed = CLEAN_SCHEMA.set(2, pyarrow.field("headline", pyarrow.string()))

    found = violations([batch(schema=renamed)])

    assert found["columns: column_in_schema"] == ["headline"]
    assert "title" in str(found)


def test_a_few_examples_stand_for_many() -> None:
    rows = [clean_pin(DAY, downloaded=number) for number in range(2, 50)]

    [examples] = violations([batch(*rows[:20]), batch(*rows[20:])]).values()

    assert len(set(examples)) == 5


def test_a_pin_in_two_batches_is_repeated() -> None:
    batches = [batch(clean_pin(DAY), clean_pin(DAY, unique_id="pin 2")), batch(clean_pin(DAY, unique_id="pin 3"))]

    assert repeated_ids(lambda: batches) == []
    assert repeated_ids(lambda: [*batches, batch(clean_pin(DAY, unique_id="pin 2"))]) == ["pin 2"]


def test_equal_hashes_of_different_ids_are_not_taken_for_a_repetition(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pandas.util, "hash_array", lambda ids, **_: numpy.zeros(len(ids), dtype="uint64"))

    assert repeated_ids(lambda: [batch(clean_pin(DAY), clean_pin(DAY, unique_id="pin 2"))]) == []
