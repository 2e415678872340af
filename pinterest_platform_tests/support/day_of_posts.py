"""A day from the posts to SQL in a process of its own; `python -m` prints what each store has of it as a line of JSON.

For the platform as the process finds it: the same lines run over a copy of the packages that has a field more.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import date
from typing import Any

import httpx
from pyspark.sql import SparkSession

from ingest_api.application import create_app
from ingest_api.kafka_publisher import KafkaPublisher
from ingest_api.metrics import IngestMetrics
from pinterest_platform.clean_slices.build import read_clean
from pinterest_platform.defs.cleaning.checks import schema_finding
from pinterest_platform.defs.serving.checks import recounted
from pinterest_platform.pins.calendar import Period, start_of
from pinterest_platform.pins.fields import ADDED_FIELDS
from pinterest_platform.reconciliation.row_parity import compare_with_stream
from pinterest_platform.settings import Settings
from pinterest_platform.stores.cassandra import create_tables, open_session
from pinterest_platform.stores.java_options import Driver
from pinterest_platform.stores.postgres import connect, migrate
from pinterest_platform.stores.presto import QueryRefusedError, ask
from pinterest_platform.stores.s3 import open_bucket
from pinterest_platform.stores.saved_queries import saved_query
from pinterest_platform.stores.spark import open_session as open_spark
from pinterest_platform_tests.support.batch_process import run_day
from pinterest_platform_tests.support.streaming import stream_to_the_end
from pinterest_platform_tests.unit.ingest_api.conftest import ApiClient, running

SHOWN = ("unique_id", *(each.name for each in ADDED_FIELDS))
_COLUMNS = ", ".join(SHOWN)
_PATIENCE_SECONDS = 30.0


def post(settings: Settings, day: date, posts: Sequence[dict[str, Any]]) -> list[int]:
    """Post through the API, on this day; returns the statuses of the answers."""
    metrics = IngestMetrics()
    app = create_app(settings, KafkaPublisher(settings, metrics), metrics, clock=lambda: start_of(day))
    with running(app) as client:
        return [_answer(client, each).status_code for each in posts]


def _answer(client: ApiClient, pin: dict[str, Any]) -> httpx.Response:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while (answer := client.post("/pin/", json=pin)).status_code == 503 and time.monotonic() < deadline:
        time.sleep(0.2)
    return answer


def found_in_stores(spark: SparkSession, settings: Settings, days: Sequence[date], schema: str) -> dict[str, Any]:
    """The shown columns of every pin of the days, by store, and what the checks say that compare the stores."""
    batch = f"cassandra.{settings.cassandra_keyspace}.pinterest_batch"
    clean = read_clean(spark, open_bucket(settings), days).select(*SHOWN).collect()
    with open_session(settings) as session:
        session.set_keyspace(settings.cassandra_keyspace)
        cassandra = list(session.execute(f"SELECT {_COLUMNS} FROM pinterest_batch"))  # noqa: S608
    with closing(connect(settings)) as connection:
        postgres = connection.execute(f"SELECT {_COLUMNS} FROM pinterest_stream_newest").fetchall()  # noqa: S608
    parities = [compare_with_stream(settings, day) for day in days]
    return {
        "clean": in_order(clean),
        "Cassandra": in_order(cassandra),
        "PostgreSQL": in_order(postgres),
        "Presto, batch": in_order(answered(settings, f"SELECT {_COLUMNS} FROM {batch}")),  # noqa: S608
        "Presto, stream": in_order(
            answered(settings, f"SELECT {_COLUMNS} FROM postgresql.{schema}.pinterest_stream_newest")  # noqa: S608
        ),
        "different rows": [len(each.different) + len(each.only_in_stream) for each in parities if each],
        "different in SQL": different_in_sql(settings, days, schema),
        "broken rules": [schema_finding(settings, day).problem for day in days],
        "recounted": sum(place.counts.posts for place in recount_of_year(settings, days[0])),
    }


def recount_of_year(settings: Settings, day: date) -> list[Any]:
    return recounted(settings, open_bucket(settings), Period("year", f"{day:%Y}"), day)


def different_in_sql(settings: Settings, days: Sequence[date], schema: str) -> int:
    """How many pins the saved query names that compares the layers, over this schema of PostgreSQL."""
    query = saved_query(settings, "pins_that_differ_between_the_layers")
    values = {"days": [str(day) for day in days], "categories": ["home-decor"]}
    return len(
        answered(settings, query.filled(settings, values).replace("postgresql.public.", f"postgresql.{schema}."))
    )


def answered(settings: Settings, query: str) -> list[tuple[Any, ...]]:
    """What Presto answers once it has learned of a new keyspace or column, which takes its driver a second."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            return ask(settings, query).rows
        except QueryRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(1)


def in_order(rows: Sequence[Any]) -> list[list[Any]]:
    return sorted((list(row) for row in rows), key=str)


def main(schema: str, posts: str, *days: str) -> None:
    """Bring the tables up, post on the last of the days, run it in both layers, and look at all of the days."""
    own, of_days = Settings(), [date.fromisoformat(day) for day in days]
    applied = [migrate(own), create_tables(own)]
    statuses = post(own, of_days[-1], json.loads(posts))
    spark = open_spark(own, Driver.SMALL_BATCH)
    try:
        run_day(own, of_days[-1], lambda: spark)
        stream_to_the_end(spark, own)
        found = found_in_stores(spark, own, of_days, schema)
    finally:
        spark.stop()
    print(json.dumps({"applied": applied, "statuses": statuses, **found}))  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
