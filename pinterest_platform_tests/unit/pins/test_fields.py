"""The table of fields, and that all other lists of fields match it."""

from __future__ import annotations

import re

import pytest

from ingest_api.emulator.source import NUMBERS
from pinterest_platform.pins.cleaning import CLEAN_COLUMNS, CLEAN_SCHEMA
from pinterest_platform.pins.event import PostedPin, is_too_long
from pinterest_platform.pins.fields import (
    ADDED_FIELDS,
    FIRST_FIELDS,
    GREATEST_BYTES,
    PIN_FIELDS,
    POSTED_FIELDS,
    FieldType,
    PinField,
)
from pinterest_platform.stores import cassandra_tables, stream_tables
from pinterest_platform.stores.cassandra_tables import AddColumn
from pinterest_platform.stream.tables import COLUMN_TYPES

# https://www.postgresql.org/docs/15/btree-implementation.html: a third of a page, less what an entry needs itself.
POSTGRES_INDEX_BYTES = 2_692
INDEXED = ("unique_id", "event_id", "poster_name", "category")


# What Cassandra calls what Spark calls so.
CASSANDRA_TYPES = {"int": "int", "string": "text", "bigint": "bigint", "date": "date", "timestamp": "timestamp"}


def test_the_fields_of_the_first_release_and_their_order_stay() -> None:
    assert [each.name for each in FIRST_FIELDS] == [
        "unique_id",
        "index_id",
        "title",
        "category",
        "description",
        "poster_name",
        "follower_count",
        "tag_list",
        "is_image_or_video",
        "image_src",
        "downloaded",
        "save_location",
    ]
    assert NUMBERS == ("index", "downloaded")


def test_a_field_that_came_later_may_be_missing() -> None:
    assert all(each.is_nullable for each in ADDED_FIELDS)
    assert CLEAN_COLUMNS[: len(PIN_FIELDS)] == tuple(each.name for each in (*FIRST_FIELDS, *ADDED_FIELDS))


def test_a_text_that_becomes_a_number_is_a_bigint() -> None:
    assert all(each.type is not FieldType.INTEGER for each in PIN_FIELDS if not each.is_posted_as_number)


def test_a_pin_is_posted_with_the_fields_of_the_table() -> None:
    schema = PostedPin.model_json_schema()

    kinds = {name: [kind["type"] for kind in each.get("anyOf", [each])] for name, each in schema["properties"].items()}
    assert kinds == {
        name: ["integer" if each.is_posted_as_number else "string"] + ([] if each in FIRST_FIELDS else ["null"])
        for name, each in POSTED_FIELDS.items()
    }
    assert schema["required"] == [each.posted_name for each in FIRST_FIELDS]


def test_the_migrations_of_postgresql_lead_to_the_columns_of_the_table() -> None:
    created, *added = (
        statement
        for step in stream_tables.MIGRATIONS
        for statement in (each.as_string(None) for each in step.statements)
        if re.match(r"(CREATE TABLE IF NOT EXISTS|ALTER TABLE) pinterest_stream\b(?! DROP)", statement)
    )
    columns = re.findall(r'"(\w+)" ([a-z]+(?: NOT NULL)?)', created)
    columns += [column for statement in added for column in re.findall(r'ADD COLUMN "(\w+)" (\w+)', statement)]

    assert dict(columns) == COLUMN_TYPES
    assert list(COLUMN_TYPES) == list(CLEAN_COLUMNS)


def test_the_migrations_of_cassandra_lead_to_the_columns_of_the_table() -> None:
    changes = [change for step in cassandra_tables.MIGRATIONS for change in step.changes]
    created = next(each for each in changes if isinstance(each, str) and ".pinterest_batch (" in each)
    columns = dict(re.findall(r"(\w+) (date|text|bigint|int|timestamp)\b", created))
    columns |= {
        each.column: each.kind for each in changes if isinstance(each, AddColumn) and each.table == "pinterest_batch"
    }

    assert columns == {each.name: CASSANDRA_TYPES[each.dataType.simpleString()] for each in CLEAN_SCHEMA}


@pytest.mark.parametrize(
    ("field", "words"),
    [
        (PinField("width", FieldType.INTEGER), "a whole number of 32 bits"),
        (PinField("width", FieldType.BIGINT), "a whole number of 64 bits"),
        (PinField("width", FieldType.INTEGER, least=0, greatest=1), "0 or 1"),
        (PinField("width", FieldType.INTEGER, least=1, greatest=10_000), "a whole number from 1 to 10,000"),
    ],
)
def test_what_a_number_has_to_be_is_said_in_words(field: PinField, words: str) -> None:
    assert field.range_in_words == words


@pytest.mark.parametrize("field", INDEXED)
def test_a_text_that_a_store_indexes_fits_into_the_smallest_index(field: str) -> None:
    assert GREATEST_BYTES[field] <= POSTGRES_INDEX_BYTES


@pytest.mark.parametrize("letter", ["a", "é", "ハ", "🌿", "\udcff"])
def test_a_length_is_counted_in_bytes_of_utf_8(letter: str) -> None:
    size = len(letter.encode("utf-8", "surrogatepass"))

    assert not is_too_long("follower_count", letter * (64 // size))
    assert is_too_long("follower_count", letter * (64 // size + 1))
