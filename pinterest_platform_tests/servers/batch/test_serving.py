"""The slice of a day in real Cassandra: replaced whole, also after a run that died half way."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from pinterest_platform.batch import serving
from pinterest_platform.batch.serving import replace_batch_slices
from pinterest_platform.pins.cleaning import RECORD_SCHEMA, accepted, clean_records, newest_per_pin
from pinterest_platform.settings import Settings
from pinterest_platform.stores.cassandra import open_session
from pinterest_platform_tests.pins import VALID_PIN, posted

DAY, NEXT_DAY = date(2026, 11, 16), date(2026, 11, 17)


@pytest.fixture
def cassandra(keyspace: Settings) -> Iterator[Any]:
    with open_session(keyspace) as session:
        session.set_keyspace(keyspace.cassandra_keyspace)
        yield session


def pins(spark: SparkSession, *values: bytes, day: date = DAY) -> DataFrame:
    at = datetime(day.year, day.month, day.day, tzinfo=UTC)
    rows = [("pins", 0, offset, at, None, value) for offset, value in enumerate(values)]
    return newest_per_pin(accepted(clean_records(spark.createDataFrame(rows, RECORD_SCHEMA), F.lit(False))))


def titles(cassandra: Any, day: date = DAY) -> dict[tuple[str, str], str | None]:
    rows = cassandra.execute("SELECT * FROM pinterest_batch WHERE ingest_date = %s ALLOW FILTERING", [day])
    return {(row.category, row.unique_id): row.title for row in rows}


def test_a_slice_has_the_days_pins(spark: SparkSession, keyspace: Settings, cassandra: Any) -> None:
    counts = replace_batch_slices(
        pins(spark, posted(unique_id="1"), posted(unique_id="2", category="art")), keyspace, [DAY]
    )

    assert counts == {DAY: {"art": 1, "home-decor": 1}}
    assert titles(cassandra) == {("art", "2"): "A paper lamp", ("home-decor", "1"): "A paper lamp"}


def test_a_replaced_slice_keeps_nothing_of_the_old_one(spark: SparkSession, keyspace: Settings, cassandra: Any) -> None:
    old = [posted(unique_id="stays"), posted(unique_id="goes"), posted(unique_id="only", category="gone")]
    replace_batch_slices(pins(spark, *old), keyspace, [DAY])

    counts = replace_batch_slices(pins(spark, posted(unique_id="stays", title="")), keyspace, [DAY])

    assert counts == {DAY: {"home-decor": 1}}
    assert titles(cassandra) == {("home-decor", "stays"): None}


def test_other_days_stay_as_they_are(spark: SparkSession, keyspace: Settings, cassandra: Any) -> None:
    replace_batch_slices(pins(spark, posted(), day=NEXT_DAY), keyspace, [NEXT_DAY])

    replace_batch_slices(pins(spark, posted(unique_id="other")), keyspace, [DAY])

    assert titles(cassandra, NEXT_DAY) == {("home-decor", VALID_PIN["unique_id"]): "A paper lamp"}


def test_several_days_are_replaced_by_one_write(spark: SparkSession, keyspace: Settings, cassandra: Any) -> None:
    replace_batch_slices(pins(spark, posted(unique_id="old", category="gone")), keyspace, [DAY])
    both = pins(spark, posted()).unionAll(pins(spark, posted(title="next day"), day=NEXT_DAY))

    counts = replace_batch_slices(both, keyspace, [DAY, NEXT_DAY])

    assert counts == {DAY: {"home-decor": 1}, NEXT_DAY: {"home-decor": 1}}
    assert titles(cassandra) == {("home-decor", VALID_PIN["unique_id"]): "A paper lamp"}
    assert titles(cassandra, NEXT_DAY) == {("home-decor", VALID_PIN["unique_id"]): "next day"}


def test_an_empty_day_empties_its_slice(spark: SparkSession, keyspace: Settings, cassandra: Any) -> None:
    replace_batch_slices(pins(spark, posted()), keyspace, [DAY])

    assert replace_batch_slices(pins(spark), keyspace, [DAY]) == {DAY: {}}
    assert titles(cassandra) == {}


def test_a_run_after_one_that_died_before_deleting_ends_like_a_clean_one(
    spark: SparkSession, keyspace: Settings, cassandra: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace_batch_slices(pins(spark, posted(unique_id="old", category="gone")), keyspace, [DAY])
    new = pins(spark, posted(unique_id="new"))

    def die(*_: object) -> list[str]:
        raise KeyboardInterrupt

    monkeypatch.setattr(serving, "categories_of", die)
    with pytest.raises(KeyboardInterrupt):
        replace_batch_slices(new, keyspace, [DAY])
    monkeypatch.undo()
    assert set(titles(cassandra)) == {("gone", "old"), ("home-decor", "new")}

    assert replace_batch_slices(new, keyspace, [DAY]) == {DAY: {"home-decor": 1}}
    assert set(titles(cassandra)) == {("home-decor", "new")}
