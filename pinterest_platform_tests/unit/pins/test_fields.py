"""The table of fields, and that all other lists of fields match it."""

from __future__ import annotations

import pytest

from pinterest_platform.pins.cleaning import PIN_COLUMNS, TEXT_FIELDS
from pinterest_platform.pins.event import PostedPin, is_too_long
from pinterest_platform.pins.fields import EVENT_ID, GREATEST_BYTES, PIN_FIELDS, POSTED_FIELDS
from pinterest_platform.stores.stream_tables import PIN_COLUMN_TYPES

# https://www.postgresql.org/docs/15/btree-implementation.html: a third of a page, less what an entry needs itself.
POSTGRES_INDEX_BYTES = 2_692
INDEXED = ("unique_id", "event_id", "poster_name", "category")


def test_the_clean_columns_are_the_public_ones_in_their_order() -> None:
    assert PIN_COLUMNS == (
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
    )
    assert set(PIN_COLUMNS) - set(TEXT_FIELDS) == {"index_id", "downloaded"}


def test_a_pin_is_posted_with_the_fields_of_the_table() -> None:
    schema = PostedPin.model_json_schema()["properties"]
    optional = schema.pop("event_id")["anyOf"]

    assert {name: described["type"] for name, described in schema.items()} == {
        each.posted_name: "integer" if each.greatest_bytes is None else "string" for each in PIN_FIELDS
    }
    assert [kind["type"] for kind in optional] == ["string", "null"]


def test_postgresql_has_the_columns_of_the_table() -> None:
    assert {each.name: PIN_COLUMN_TYPES[each.name] for each in (*PIN_FIELDS, EVENT_ID)} == {
        each.name: each.type.value if each.is_nullable else f"{each.type.value} NOT NULL"
        for each in POSTED_FIELDS.values()
    }


@pytest.mark.parametrize("field", INDEXED)
def test_a_text_that_a_store_indexes_fits_into_the_smallest_index(field: str) -> None:
    assert GREATEST_BYTES[field] <= POSTGRES_INDEX_BYTES


@pytest.mark.parametrize("letter", ["a", "é", "ハ", "🌿", "\udcff"])
def test_a_length_is_counted_in_bytes_of_utf_8(letter: str) -> None:
    size = len(letter.encode("utf-8", "surrogatepass"))

    assert not is_too_long("follower_count", letter * (64 // size))
    assert is_too_long("follower_count", letter * (64 // size + 1))
