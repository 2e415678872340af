"""A day's slice in real Cassandra: replaced completely, also after a run that died half way."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from pinterest_platform.pins.cleaning import RECORD_SCHEMA, accepted, clean_records, newest_per_pin
from pinterest_platform.serving import pin_rows, pinterest_batch
from pinterest_platform.serving.pin_rows import CassandraTakesNothingError
from pinterest_platform.serving.pinterest_batch import categories_of, rejects_of, replace_batch_slices
from pinterest_platform.settings import Settings
from pinterest_platform.stores.cassandra import create_tables, open_session
from pinterest_platform_tests.support.pins import VALID_PIN, posted

DAY, NEXT_DAY = date(2026, 11, 16), date(2026, 11, 17)
THREE_DAYS = 3 * 86_400
TOO_LONG = 70_000  # bytes; a key of Cassandra has 65,535 at most


@pytest.fixture
def cassandra(keyspace: Settings) -> Iterator[Any]:
    with open_session(keyspace) as session:
        session.set_keyspace(keyspace.cassandra_keyspace)
        yield session


def pins(spark: SparkSession, *values: bytes, day: date = DAY) -> DataFrame:
    at = datetime(day.year, day.month, day.day, tzinfo=UTC)
    rows = [("pins", 0, offset, at, None, value) for offset, value in enumerate(values)]
    cleaned = newest_per_pin(accepted(clean_records(spark.createDataFrame(rows, RECORD_SCHEMA))))
    return cleaned.localCheckpoint()  # as clean Parquet would be: the slice is planned without the cleaning


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

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pinterest_batch, "_delete_older", die)
    with pytest.raises(KeyboardInterrupt):
        replace_batch_slices(new, keyspace, [DAY])
    monkeypatch.undo()
    assert set(titles(cassandra)) == {("gone", "old"), ("home-decor", "new")}

    assert replace_batch_slices(new, keyspace, [DAY]) == {DAY: {"home-decor": 1}}
    assert set(titles(cassandra)) == {("home-decor", "new")}


def ahead() -> float:
    """A clock that is three days ahead."""
    return time.time() + THREE_DAYS


def test_a_slice_that_a_clock_ahead_has_written_is_replaced_by_a_run_with_the_right_one(
    spark: SparkSession, keyspace: Settings, cassandra: Any
) -> None:
    old = [posted(unique_id="stays"), posted(unique_id="goes"), posted(unique_id="only", category="gone")]
    replace_batch_slices(pins(spark, *old), keyspace, [DAY], clock=ahead)

    replace_batch_slices(
        pins(spark, posted(unique_id="stays", title="right"), posted(unique_id="new")), keyspace, [DAY]
    )
    assert titles(cassandra) == {("home-decor", "stays"): "right", ("home-decor", "new"): "A paper lamp"}
    assert categories_of(cassandra, DAY) == ["home-decor"]

    replace_batch_slices(pins(spark, posted(unique_id="stays")), keyspace, [DAY])
    assert titles(cassandra) == {("home-decor", "stays"): "A paper lamp"}


def test_a_slice_that_a_clock_ahead_has_emptied_is_filled_by_a_run_with_the_right_one(
    spark: SparkSession, keyspace: Settings, cassandra: Any
) -> None:
    replace_batch_slices(pins(spark, posted()), keyspace, [DAY], clock=ahead)
    replace_batch_slices(pins(spark), keyspace, [DAY], clock=ahead)

    replace_batch_slices(pins(spark, posted()), keyspace, [DAY])

    assert list(titles(cassandra).values()) == ["A paper lamp"]
    assert categories_of(cassandra, DAY) == ["home-decor"]


def test_an_installation_of_before_survives_even_where_its_clock_was_ahead(
    spark: SparkSession, keyspace: Settings, cassandra: Any
) -> None:
    # As the platform wrote when it knew none of these tables: the clock's time, which went on while it wrote.
    for table in ("slice_writes", "pinterest_batch_rejects", "schema_migrations"):
        cassandra.execute(f"DROP TABLE {table}")
    wrote = int(ahead() * 1_000_000)
    later = wrote + 60_000_000
    for day, category, unique_id in ((DAY, "art", "stays"), (DAY, "art", "goes"), (NEXT_DAY, "art", "other day")):
        cassandra.execute(
            "INSERT INTO pinterest_batch (ingest_date, category, unique_id, kafka_offset) VALUES (%s, %s, %s, 1) "
            "USING TIMESTAMP %s",
            [day, category, unique_id, wrote],
        )
        cassandra.execute(
            "INSERT INTO pinterest_batch_categories (ingest_date, category) VALUES (%s, %s) USING TIMESTAMP %s",
            [day, category, later],
        )
    for statement in (
        "DELETE FROM pinterest_batch USING TIMESTAMP %s WHERE ingest_date = %s AND category = 'home-decor'",
        "DELETE FROM pinterest_batch_categories USING TIMESTAMP %s WHERE ingest_date = %s AND category = 'home-decor'",
    ):
        cassandra.execute(statement, [later, DAY])
    assert set(titles(cassandra)) == {("art", "stays"), ("art", "goes")}

    create_tables(keyspace)
    replace_batch_slices(
        pins(spark, posted(unique_id="new"), posted(unique_id="stays", category="art")), keyspace, [DAY]
    )

    assert titles(cassandra) == {("home-decor", "new"): "A paper lamp", ("art", "stays"): "A paper lamp"}
    assert categories_of(cassandra, DAY) == ["art", "home-decor"]
    assert titles(cassandra, NEXT_DAY) == {("art", "other day"): None}


@pytest.mark.parametrize(
    ("step", "is_before"), [("take_write_time", False), ("write_pins", True), ("write_pins", False)]
)
def test_of_two_runs_at_once_the_one_that_began_later_has_the_slice(
    spark: SparkSession,
    keyspace: Settings,
    cassandra: Any,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    is_before: bool,
) -> None:
    replace_batch_slices(pins(spark, posted(unique_id="old", category="old")), keyspace, [DAY])
    own: Any = getattr(pinterest_batch, step)

    def overtaken(*arguments: Any) -> Any:
        """The step, and a whole later run before or after it."""
        monkeypatch.undo()
        result = None if is_before else own(*arguments)
        newer = pins(spark, posted(unique_id="both", title="later"), posted(unique_id="later", category="later"))
        replace_batch_slices(newer, keyspace, [DAY])
        return own(*arguments) if is_before else result

    monkeypatch.setattr(pinterest_batch, step, overtaken)
    earlier = pins(spark, posted(unique_id="both"), posted(unique_id="earlier", category="earlier"))
    replace_batch_slices(earlier, keyspace, [DAY])

    assert titles(cassandra) == {("home-decor", "both"): "later", ("later", "later"): "A paper lamp"}
    assert categories_of(cassandra, DAY) == ["home-decor", "later"]


def lengthened(pins: DataFrame, column: str, offsets: list[int]) -> DataFrame:
    """Past what cleaning lets through: the column of the pins at these offsets is longer than a key may be."""
    too_long = F.concat(F.repeat(F.lit("x"), TOO_LONG), "unique_id")
    return pins.withColumn(column, F.when(F.col("kafka_offset").isin(offsets), too_long).otherwise(F.col(column)))


@pytest.mark.parametrize("column", ["unique_id", "category"])
def test_a_pin_that_cassandra_refuses_is_named_with_its_words_and_the_others_are_served(
    spark: SparkSession, keyspace: Settings, cassandra: Any, column: str
) -> None:
    some = lengthened(pins(spark, *(posted(unique_id=f"{number}") for number in range(3))), column, [1])

    counts = replace_batch_slices(some, keyspace, [DAY])

    assert counts == {DAY: {"home-decor": 2}}
    assert set(titles(cassandra)) == {("home-decor", "0"), ("home-decor", "2")}
    assert categories_of(cassandra, DAY) == ["home-decor"]
    [refused] = rejects_of(cassandra, DAY)
    assert refused[:3] == (DAY, 0, 1)
    assert "is longer than maximum of 65535" in refused.reason
    assert len(getattr(refused, column)) == 256


def test_rows_written_one_by_one_are_those_that_spark_writes(
    spark: SparkSession, keyspace: Settings, cassandra: Any
) -> None:
    several = pins(spark, posted(unique_id="0"), posted(unique_id="1", title="", follower_count="12k"))
    replace_batch_slices(several, keyspace, [DAY])
    query = "SELECT * FROM pinterest_batch WHERE ingest_date = %s AND category = 'home-decor'"
    by_spark = list(cassandra.execute(query, [DAY]))

    with_a_third = several.unionByName(
        lengthened(pins(spark, posted()), "unique_id", [0]).withColumn("kafka_offset", F.lit(9))
    )
    replace_batch_slices(with_a_third, keyspace, [DAY])

    assert list(cassandra.execute(query, [DAY])) == by_spark
    assert len(by_spark) == 2


def test_refused_pins_are_found_among_many_by_halving(
    spark: SparkSession, keyspace: Settings, cassandra: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pin_rows, "_WRITTEN_SINGLY", 5)
    many = lengthened(pins(spark, *(posted(unique_id=f"{number}") for number in range(20))), "unique_id", [3, 17])

    counts = replace_batch_slices(many.localCheckpoint(), keyspace, [DAY])

    assert counts == {DAY: {"home-decor": 18}}
    assert len(titles(cassandra)) == 18
    assert [pin.kafka_offset for pin in rejects_of(cassandra, DAY)] == [3, 17]


def test_what_was_refused_is_forgotten_when_the_day_is_served_whole(
    spark: SparkSession, keyspace: Settings, cassandra: Any
) -> None:
    replace_batch_slices(lengthened(pins(spark, posted()), "unique_id", [0]), keyspace, [DAY])
    assert (len(rejects_of(cassandra, DAY)), titles(cassandra)) == (1, {})

    replace_batch_slices(pins(spark, posted()), keyspace, [DAY])

    assert (rejects_of(cassandra, DAY), len(titles(cassandra))) == ([], 1)


def test_a_cassandra_that_takes_nothing_fails_the_run_and_the_old_slice_stays(
    spark: SparkSession, keyspace: Settings, cassandra: Any
) -> None:
    replace_batch_slices(pins(spark, posted(unique_id="old")), keyspace, [DAY])
    new = lengthened(pins(spark, *(posted(unique_id=f"{number}") for number in range(60))), "unique_id", [*range(60)])

    with pytest.raises(CassandraTakesNothingError, match=r"refused all 60 rows.*is longer than maximum"):
        replace_batch_slices(new, keyspace, [DAY])

    assert set(titles(cassandra)) == {("home-decor", "old")}
