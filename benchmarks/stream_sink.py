"""Compares two ways to write a cleaned micro-batch to PostgreSQL: COPY from the driver, and JDBC from the executors.

Run it with `.venv/bin/python -m benchmarks.stream_sink`. It starts its own PostgreSQL. It measures from Spark's cleaned
rows to the commit, including a merge, for a batch of a steady stream and for one of a stream that catches up. Both ways
work on a cluster: executors make the lines for COPY and the driver collects them. JDBC does less here: its merge counts
no profiles, duplicates or offsets.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from benchmarks.record import record
from benchmarks.stack import running
from ingest_api.emulator.drawing import draw_posts
from pinterest_platform.pins.calendar import today
from pinterest_platform.pins.cleaning import CLEAN_COLUMNS, RECORD_SCHEMA, accepted, clean_records
from pinterest_platform.settings import Settings
from pinterest_platform.stores.postgres import Connection, connect, migrate
from pinterest_platform.stores.spark import open_session
from pinterest_platform.stream.copy_lines import LINE, copy_lines
from pinterest_platform.stream.day_partitions import create_day_partition
from pinterest_platform.stream.lease import take_over
from pinterest_platform.stream.sink import write_batch

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

SIZES = (150, 2_000, 20_000)
ROUNDS = 12
_OWNER = "benchmark"
_STAGED = "CREATE UNLOGGED TABLE staged_by_executors AS SELECT {} FROM pinterest_stream WITH NO DATA"
_MERGE = "INSERT INTO pinterest_stream ({0}) SELECT {0} FROM staged_by_executors ON CONFLICT DO NOTHING"


def main() -> None:
    with running(["postgres"]) as settings:
        migrate(settings)
        take_over(settings, _OWNER)
        spark = open_session(settings)
        with closing(connect(settings, autocommit=True)) as connection:
            connection.execute(_STAGED.format(", ".join(CLEAN_COLUMNS)))
            for size in SIZES:
                cleaned = clean_records(_records(spark, size))
                lines, rows = copy_lines(cleaned), accepted(cleaned)
                copy, jdbc = partial(_copy, settings, connection, lines), partial(_jdbc, settings, connection, rows)
                usual = _measure(connection, "COPY from the driver", size, copy)
                peer = {"JDBC from executors": _measure(connection, "JDBC from executors", size, jdbc)}
                record("stream_sink", f"{size:,} rows, COPY from the driver", usual, "s", peer=peer)
        spark.stop()


def _measure(connection: Connection, name: str, size: int, sink: Callable[[], None]) -> float:
    seconds = []
    for _ in range(ROUNDS):
        connection.execute("TRUNCATE pinterest_stream, stream_progress, stream_duplicates")
        began = time.monotonic()
        sink()
        seconds.append(time.monotonic() - began)
        [(stored,)] = connection.execute("SELECT count(*) FROM pinterest_stream").fetchall()
        if stored != size:
            raise RuntimeError(f"{name} stored {stored} of {size} rows")
    usual = statistics.median(seconds[ROUNDS // 3 :])
    print(f"{size:6,} rows, {name}: {usual:.3f} s, {size / usual:,.0f} rows/s", flush=True)
    return usual


def _records(spark: SparkSession, size: int) -> DataFrame:
    posts = islice(draw_posts(7, new_event_id=iter(map(str, range(size))).__next__), size)
    now = datetime.now(UTC)
    rows: list[Any] = [("pins", offset % 3, offset, now, None, post.body) for offset, post in enumerate(posts)]
    frame = spark.createDataFrame(rows, RECORD_SCHEMA).repartition(3).cache()
    frame.count()
    return frame


def _copy(settings: Settings, connection: Connection, lines: DataFrame) -> None:
    write_batch(connection, settings.kafka_topic, _OWNER, [row[LINE] for row in lines.collect()])


def _jdbc(settings: Settings, connection: Connection, rows: DataFrame) -> None:
    connection.execute("TRUNCATE staged_by_executors")
    password = settings.postgres_password.get_secret_value() if settings.postgres_password else ""
    address = f"{settings.postgres_host}:{settings.postgres_port}/{settings.postgres_database}"
    rows.write.mode("append").jdbc(
        f"jdbc:postgresql://{address}?reWriteBatchedInserts=true",
        "staged_by_executors",
        properties={"user": settings.postgres_user, "password": password, "batchsize": "5000"},
    )
    create_day_partition(connection, today())
    connection.execute(_MERGE.format(", ".join(CLEAN_COLUMNS)))


if __name__ == "__main__":
    main()
