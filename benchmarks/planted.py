"""Deletes a record from each of three stores, to check that reconciliation names each loss."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import date
from typing import Any

import orjson

from benchmarks.check_results import CheckResult, Place, outcomes_of, tried
from infra.command_line.dagster_runs import DagsterWeb
from pinterest_platform.landing.raw_objects import day_prefix, stored_lines
from pinterest_platform.serving.pinterest_batch import categories_of
from pinterest_platform.settings import Settings
from pinterest_platform.stores.cassandra import open_session
from pinterest_platform.stores.postgres import connect
from pinterest_platform.stores.s3 import open_bucket

ACCOUNT = "every_event_is_accounted_for"


def planted_deletions(settings: Settings, day: date) -> Iterator[CheckResult]:
    """Deletes a raw object, a Cassandra row and a PostgreSQL row of the day, and asks for its account."""
    found: list[CheckResult] = []

    def plant() -> CheckResult:
        wanted = [
            ("S3 lacks", _delete_raw_object(settings, day)),
            ("Cassandra lacks", _delete_cassandra_row(settings, day)),
            ("PostgreSQL lacks", _delete_postgres_row(settings, day)),
        ]
        told = _account(settings, day)
        for sentence, (partition, offset) in wanted:
            line = next((line for line in told.splitlines() if line.startswith(sentence)), "")
            named = f"partition {partition}:" in line and str(offset) in line
            found.append(
                CheckResult(f"a planted deletion: {sentence} {partition}/{offset}", named, line or "not a word")
            )
        return CheckResult("deletions were planted", holds=True, found=f"three, of {day}")

    yield tried("deletions were planted", plant)
    yield from found


def _account(settings: Settings, day: date) -> str:
    outcomes = outcomes_of(DagsterWeb(settings), day)
    return next((outcome.found for outcome in outcomes if outcome.check == ACCOUNT and not outcome.passed), "")


def _delete_raw_object(settings: Settings, day: date) -> Place:
    """The first of the day; returns the place of its first record."""
    bucket = open_bucket(settings)
    first = next(iter(bucket.list(day_prefix(day))))
    line = orjson.loads(stored_lines(bucket, first.key)[0])
    bucket.delete([first.key])
    return line["partition"], line["offset"]


def _delete_cassandra_row(settings: Settings, day: date) -> Place:
    with open_session(settings) as session:
        session.set_keyspace(settings.cassandra_keyspace)
        category = sorted(categories_of(session, day))[0]
        of_row = "WHERE ingest_date = %s AND category = %s"
        query = f"SELECT unique_id, kafka_partition, kafka_offset FROM pinterest_batch {of_row} LIMIT 1"  # noqa: S608
        row = session.execute(query, [day, category]).one()
        session.execute(f"DELETE FROM pinterest_batch {of_row} AND unique_id = %s", [day, category, row.unique_id])  # noqa: S608
    return row.kafka_partition, row.kafka_offset


def _delete_postgres_row(settings: Settings, day: date) -> Place:
    """The first of the day; returns its place."""
    query = """
        DELETE FROM pinterest_stream WHERE (ingest_date, kafka_partition, kafka_offset) = (
            SELECT ingest_date, kafka_partition, kafka_offset FROM pinterest_stream
            WHERE ingest_date = %s ORDER BY kafka_partition, kafka_offset LIMIT 1)
        RETURNING kafka_partition, kafka_offset"""
    with closing(connect(settings, autocommit=True)) as connection:
        rows: list[Any] = connection.execute(query, [day]).fetchall()
    [(partition, offset)] = rows
    return partition, offset
