"""A pin with every field at its greatest length is stored in every store and read back unchanged."""

from __future__ import annotations

from datetime import date
from random import Random
from typing import Any

import pytest
from pyspark.sql import SparkSession

from pinterest_platform.clean_slices.build import read_clean, read_raw
from pinterest_platform.clean_slices.manifest import clean_files
from pinterest_platform.landing.raw_objects import add_lines, encode_record, object_key
from pinterest_platform.pins.calendar import start_of
from pinterest_platform.pins.cleaning import CLEAN_COLUMNS, clean_lines
from pinterest_platform.pins.fields import GREATEST_BYTES
from pinterest_platform.reconciliation.row_parity import Parity, compare_with_stream
from pinterest_platform.serving.pinterest_batch import replace_batch_slices
from pinterest_platform.settings import Settings
from pinterest_platform.stores.kafka_batches import Record
from pinterest_platform.stores.postgres import Connection
from pinterest_platform.stores.s3 import open_bucket
from pinterest_platform.stream.copy_lines import LINE, copy_lines
from pinterest_platform.stream.lease import take_over
from pinterest_platform.stream.sink import write_batch
from pinterest_platform_tests.support.cleaned_day import replace_clean_slice
from pinterest_platform_tests.support.pins import posted
from pinterest_platform_tests.support.rows import cassandra_rows, parquet_rows

DAY = date(2026, 11, 16)
# Of one, two, three and four bytes; none repeats soon enough to be compressed away.
ALPHABETS = [(0x21, 0x7E), (0x370, 0x7FF), (0x4E00, 0x9FFF), (0x1F300, 0x1F5FF)]


def text_of(size: int, random: Random, alphabet: tuple[int, int]) -> str:
    """Random letters of so many bytes; letters of one byte fill up what remains."""
    first, last = alphabet
    letters = size // len(chr(first).encode())
    text = "".join(chr(random.randint(first, last)) for _ in range(letters))
    return text + "x" * (size - len(text.encode()))


def longest_pins() -> list[bytes]:
    random = Random(7)
    return [
        posted(**{name: text_of(limit, random, alphabet) for name, limit in GREATEST_BYTES.items()})
        for alphabet in ALPHABETS
    ]


@pytest.fixture
def own(corner: Settings, keyspace: Settings) -> Settings:
    """Settings with a corner of every store of the test's own."""
    return corner.model_copy(update={"cassandra_keyspace": keyspace.cassandra_keyspace})


def test_pins_of_the_greatest_length_are_the_same_in_every_store(
    spark: SparkSession, own: Settings, database: Connection
) -> None:
    bucket, key = open_bucket(own), object_key(DAY, own.kafka_topic, 0, 0)
    records = [
        Record(own.kafka_topic, 0, offset, start_of(DAY), None, value) for offset, value in enumerate(longest_pins())
    ]
    add_lines(bucket, key, 0, {record.offset: encode_record(record) for record in records})
    replace_clean_slice(spark, bucket, DAY)
    replace_batch_slices(read_clean(spark, bucket, [DAY]), own, [DAY])
    cleaned = clean_lines(read_raw(spark, bucket, [key]))
    take_over(own, "the test")
    write_batch(database, own.kafka_topic, "the test", [row[LINE] for row in copy_lines(cleaned).collect()])

    rows = parquet_rows(bucket, clean_files(bucket, DAY))
    assert [len(row["description"].encode()) for row in rows] == [GREATEST_BYTES["description"]] * len(ALPHABETS)
    assert cassandra_rows(own) == rows
    assert stream_rows(database) == rows
    assert compare_with_stream(own, DAY) == Parity(rows=len(ALPHABETS), different=[], only_in_stream=[])


def stream_rows(database: Connection) -> list[dict[str, Any]]:
    """The rows of `pinterest_stream`, with the types that Parquet gives."""
    columns = ", ".join(name if name != "ingested_at" else "ingested_at AT TIME ZONE 'UTC'" for name in CLEAN_COLUMNS)
    query = f"SELECT {columns} FROM pinterest_stream ORDER BY kafka_partition, kafka_offset"  # noqa: S608
    return [dict(zip(CLEAN_COLUMNS, row, strict=True)) for row in database.execute(query).fetchall()]
