"""How long each saved query takes on 1,000,000 rows in each layer, and what pushing down a filter saves.

Run it with `.venv/bin/python -m benchmarks.presto_queries [ROWS]`. It starts its own Cassandra, PostgreSQL and Presto
and fills both layers with the same thirty days: each day a third of 100,000 pins, in 13 categories. Rows reach
Cassandra as the batch writes them, and PostgreSQL by COPY.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from datetime import date, timedelta
from typing import Any

import psutil
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from benchmarks.record import record
from benchmarks.stack import BENCHMARK_SETTINGS, running
from infra.command_line.status import look
from infra.local_stack.stack import LocalStack
from ingest_api.emulator.words import CATEGORY_SHARES
from pinterest_platform.pins.calendar import periods_of
from pinterest_platform.pins.cleaning import CLEAN_COLUMNS, CLEAN_SCHEMA
from pinterest_platform.serving.category_popularity import CategoryCounts, ranked, replace_period
from pinterest_platform.serving.pinterest_batch import replace_batch_slices
from pinterest_platform.settings import Settings
from pinterest_platform.stores.cassandra import open_session as open_cassandra
from pinterest_platform.stores.postgres import connect
from pinterest_platform.stores.presto import ask
from pinterest_platform.stores.saved_queries import saved_queries, saved_query
from pinterest_platform.stores.spark import open_session
from pinterest_platform.stream.copy_lines import LINE, copy_lines
from pinterest_platform.stream.day_partitions import create_day_partition
from pinterest_platform.stream.profiles import rebuild_profiles

FIRST_DAY, DAYS = date(2026, 10, 18), 30
ROUNDS, LONG_SECONDS = 5, 10.0
LAST_DAY = FIRST_DAY + timedelta(days=DAYS - 1)
CATEGORIES = sorted(CATEGORY_SHARES)
# A pin is posted every third day; its texts are about as long as real ones.
PINS = """
    SELECT concat('pin-', lpad(cast(pin AS string), 36, '0')) AS unique_id, pin AS index_id,
        concat('A title of a pin about something, number ', pin) AS title,
        element_at(array({categories}), cast(pin % {count} + 1 AS int)) AS category,
        repeat('A description of some words. ', 6) AS description, concat('poster ', pin % 5000) AS poster_name,
        pin * 7 % 100000 + day AS follower_count, 'Paper,Lamp,Light,Home' AS tag_list, 'image' AS is_image_or_video,
        concat('https://images.example/originals/', pin, '.jpg') AS image_src, 1 AS downloaded,
        'Local save in /data/something' AS save_location, concat('event-', id) AS event_id,
        timestamp_millis(unix_millis(cast(ingest_date AS timestamp)) + id % 86400000) AS ingested_at, ingest_date,
        cast(pin % 3 AS int) AS kafka_partition, id AS kafka_offset
    FROM (
        SELECT id, cast(id % {days} AS int) AS day, date_add(date'{first}', cast(id % {days} AS int)) AS ingest_date,
            (id DIV {days}) * 3 + (id % {days}) % 3 AS pin
        FROM range({rows})
    )"""


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with running(["cassandra", "postgres", "presto"]) as settings:
        _fill(settings, rows)
        for query in saved_queries(settings.saved_queries).values():
            _measure(query.name, settings, query.filled(settings, _values(query.parameters)))
        _measure_pushdown(settings)
        _print_memory()


def _fill(settings: Settings, rows: int) -> None:
    began = time.monotonic()
    spark = open_session(settings)
    pins = _pins(spark, rows)
    days = [FIRST_DAY + timedelta(days=number) for number in range(DAYS)]
    written = replace_batch_slices(pins, settings, days)
    seconds = time.monotonic() - began
    print(f"Cassandra: {sum(sum(day.values()) for day in written.values()):,} rows in {seconds:.0f} s")
    record("presto_queries", f"filling Cassandra with {rows:,} rows", seconds, "s")
    _rank(settings, days, written)
    began = time.monotonic()
    with closing(connect(settings, autocommit=True)) as connection:
        for day in days:
            _copy_day(connection, pins, day)
        connection.execute("ANALYZE pinterest_stream")
    rebuild_profiles(settings)
    seconds = time.monotonic() - began
    print(f"PostgreSQL: as many in {seconds:.0f} s", flush=True)
    record("presto_queries", f"filling PostgreSQL with {rows:,} rows", seconds, "s")
    spark.stop()


def _pins(spark: SparkSession, rows: int) -> DataFrame:
    categories = ", ".join(f"'{name}'" for name in CATEGORIES)
    query = PINS.format(categories=categories, count=len(CATEGORIES), days=DAYS, first=FIRST_DAY, rows=rows)
    pins = spark.sql(query)
    return pins.select(
        *(
            F.col(field.name) if field.name in pins.columns else F.lit(None).cast(field.dataType).alias(field.name)
            for field in CLEAN_SCHEMA
        )
    )


def _rank(settings: Settings, days: list[date], written: Mapping[date, Mapping[str, int]]) -> None:
    with open_cassandra(settings) as session:
        session.set_keyspace(settings.cassandra_keyspace)
        for period in periods_of(days):
            counts = [CategoryCounts(name, count, count, count) for name, count in written[days[-1]].items()]
            replace_period(session, period, ranked(counts), time.time_ns() // 1000)


def _copy_day(connection: Any, pins: DataFrame, day: date) -> None:
    create_day_partition(connection, day)
    of_day = pins.where(f"ingest_date = date'{day}'").selectExpr(
        "*", "CAST(null AS string) AS original", "CAST(null AS string) AS reason"
    )
    statement = f"COPY pinterest_stream ({', '.join(CLEAN_COLUMNS)}) FROM STDIN"
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in copy_lines(of_day).collect():
            copy.write(row[LINE].removesuffix("\t\\N\t\\N") + "\n")


def _values(parameters: Mapping[str, str]) -> dict[str, Any]:
    known: dict[str, Any] = {
        "year": f"{LAST_DAY:%Y}",
        "month": f"{LAST_DAY:%Y-%m}",
        "day": str(LAST_DAY),
        "days": [str(LAST_DAY)],
        "category": CATEGORIES[0],
        "categories": CATEGORIES,
        "unique_id": f"pin-{'3'.zfill(36)}",
    }
    return {name: value for name, value in known.items() if name in parameters}


def _measure(name: str, settings: Settings, query: str, metric: str = "") -> float:
    """The median of the rounds after the first: five, or as many as ten seconds hold, and at least one.

    It is recorded as the metric, or by the name.
    """
    seconds, answered = [], 0
    while len(seconds) < 2 or (len(seconds) <= ROUNDS and sum(seconds) < LONG_SECONDS):
        began = time.monotonic()
        answered = len(ask(settings, query).rows)
        seconds.append(time.monotonic() - began)
    median = statistics.median(seconds[1:])
    times = f"first {seconds[0]:6.2f} s  median {median:6.2f} s  most {max(seconds[1:]):6.2f} s"
    print(f"{name:<42}{answered:>4} rows  {times}", flush=True)
    record("presto_queries", metric or name, median, "s", peer={"the first time": seconds[0]})
    return median


def _measure_pushdown(settings: Settings) -> None:
    """The same question with a filter that Presto cannot hand on."""
    values = {"day": str(LAST_DAY), "category": CATEGORIES[0]}
    pushed = saved_query(settings, "pins_of_a_category").filled(settings, values)
    kept = pushed.replace("category = '", "category || '' = '")
    if kept == pushed:
        raise SystemExit("pins_of_a_category has no filter on its category any more.")
    with_it = _measure("day and category pushed down", settings, pushed)
    without = _measure("not", settings, kept, metric="day and category not pushed down")
    print(f"pushing them down is {without / with_it:,.0f} times as fast")
    record("presto_queries", "as fast with day and category pushed down", without / with_it, "times")


def _print_memory() -> None:
    [presto] = [status for status in look(LocalStack(BENCHMARK_SETTINGS)) if status.name == "presto"]
    print(f"Presto takes {presto.memory / (1 << 20):,.0f} MiB, of {psutil.virtual_memory().total / (1 << 30):.0f} GiB")
    record("presto_queries", "memory of Presto", presto.memory / (1 << 20), "MiB")


if __name__ == "__main__":
    main()
