"""The lines that Spark writes for COPY: PostgreSQL reads exactly what was posted."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pyspark.sql import SparkSession

from pinterest_platform.pins.cleaning import CLEAN_COLUMNS, RECORD_SCHEMA, clean_records
from pinterest_platform.settings import Settings
from pinterest_platform.stores.postgres import Connection
from pinterest_platform.stream.copy_lines import LINE, copy_lines
from pinterest_platform.stream.lease import take_over
from pinterest_platform.stream.sink import write_batch
from pinterest_platform_tests.support.pins import posted

AT = datetime(2026, 11, 16, 23, 59, 59, 999_000, tzinfo=UTC)
NASTY = [
    "tab\tnewline\nreturn\rend",
    r"\N",
    r"\.",
    "a\\",
    "\\t is no tab",
    "\"quoted\", 'too'",
    "🌿 …\u00a0\u2028\x85\x1f",
]


@pytest.fixture
def lines(spark: SparkSession) -> Any:
    def lines_of(*values: bytes) -> list[str]:
        rows: list[Any] = [("pins", 1, offset, AT, None, value) for offset, value in enumerate(values)]
        cleaned = clean_records(spark.createDataFrame(rows, RECORD_SCHEMA))
        return [row[LINE] for row in copy_lines(cleaned).collect()]

    return lines_of


@pytest.fixture(autouse=True)
def _owned(stores: Settings, database: Connection) -> None:
    take_over(stores.model_copy(update={"kafka_topic": "pins"}), "the test")


def test_every_text_arrives_as_it_was_posted(database: Connection, lines: Any) -> None:
    values = [posted(title=text, poster_name=text, description="", event_id=str(at)) for at, text in enumerate(NASTY)]

    write_batch(database, "pins", "the test", lines(*values))

    found = database.execute("SELECT title, poster_name, description FROM pinterest_stream ORDER BY kafka_offset")
    assert found.fetchall() == [(text, text, None) for text in NASTY]


def test_every_column_arrives_with_its_type(database: Connection, lines: Any) -> None:
    write_batch(database, "pins", "the test", lines(posted(follower_count="12.3M", event_id="e")))

    columns = ", ".join(CLEAN_COLUMNS)
    [row] = database.execute(f"SELECT {columns} FROM pinterest_stream").fetchall()  # noqa: S608
    found = dict(zip(CLEAN_COLUMNS, row, strict=True))
    assert (found["index_id"], found["follower_count"], found["downloaded"]) == (7, 12_300_000, 1)
    assert (found["ingested_at"], found["ingest_date"]) == (AT, AT.date())
    assert (found["event_id"], found["kafka_partition"], found["kafka_offset"]) == ("e", 1, 0)


def test_a_reject_arrives_with_its_text_and_without_its_fields(database: Connection, lines: Any) -> None:
    nul, nul_id = posted(title="a\0b"), posted(event_id="a\0b")

    write_batch(database, "pins", "the test", lines(b"\xff\x00\t\\N", nul, b"", nul_id))

    found = database.execute("SELECT original, reason FROM stream_rejects ORDER BY kafka_offset").fetchall()
    assert found == [
        ("\N{REPLACEMENT CHARACTER}\N{SYMBOL FOR NULL}\t\\N", "the value is not UTF-8 text"),
        (nul.decode(), "a text contains the NUL character"),
        ("", "the record has no value"),
        (nul_id.decode(), "a text contains the NUL character"),
    ]
    assert database.execute("SELECT FROM pinterest_stream").rowcount == 0
