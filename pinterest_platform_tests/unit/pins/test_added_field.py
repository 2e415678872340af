"""A field that is added to the table, with a step for each database, is everywhere. Without servers and Spark's JVM."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pinterest_platform.pins.cleaning import CLEAN_COLUMNS
from pinterest_platform.pins.fields import PIN_FIELDS
from pinterest_platform_tests.support.added_field import NAME, copy_with_field, json_from, run_in

ASK = """
import json
from random import Random

from ingest_api import pin_routes, posted_event
from ingest_api.emulator.catalogue import make_catalogue
from ingest_api.emulator.posters import make_posters
from pinterest_platform.clean_slices.read import added_columns
from pinterest_platform.clean_slices.schema import CLEAN_PINS
from pinterest_platform.pins.cleaning import CLEAN_COLUMNS, CLEAN_SCHEMA, accepted
from pinterest_platform.pins.event import PostedPin
from pinterest_platform.settings import Settings
from pinterest_platform.stores.saved_queries import saved_query
from pinterest_platform.stores.stream_digests import content_digest, content_identity
from pinterest_platform.stream.copy_lines import LINE_COLUMNS
from pinterest_platform.stream.tables import COLUMN_TYPES
from pinterest_platform_tests.support.added_field import NAME as name
from pinterest_platform_tests.support.pins import pin, posted


def reading(**changes):
    body = posted(**changes)
    plain = posted_event._plain_event(body, lambda: "e")
    try:
        return plain is not None, posted_event._careful_event(body, lambda: "e") is not None
    except posted_event.RefusedPinError as error:
        return plain is not None, str(error)


random = Random(1)
lambda_query = saved_query(Settings(), "pins_that_differ_between_the_layers")
known = {
    "posted model": PostedPin.model_json_schema()["properties"].get(name),
    "required": name in PostedPin.model_json_schema()["required"],
    "example": pin_routes.EXAMPLE_PIN.get(name),
    "emulator": make_catalogue(random, make_posters(random), 1)[0].fields.get(name),
    "clean columns": [CLEAN_COLUMNS.index(name), CLEAN_SCHEMA[name].dataType.simpleString()],
    "schema check": list(CLEAN_PINS.columns).index(name),
    "older files": [[place, str(column.type)] for place, column in added_columns()],
    "lines": LINE_COLUMNS.index(name),
    "PostgreSQL": COLUMN_TYPES[name],
    "digests": [name in text.as_string(None) for text in (content_digest("a"), content_identity("a"))],
    "saved query": lambda_query.filled(Settings(), {"categories": "art"}).count(name),
    "read": reading(**{name: "el"}),
    "read with an id": reading(**{name: "a:b"}, event_id="e"),
    "null": reading(**{name: None}),
    "too long": reading(**{name: "x" * 65}),
    "a number": reading(**{name: 7}),
    "one more": reading(**{name: "el"}, more=1),
    "without": reading(),
}
print(json.dumps(known))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_with_field(tmp_path_factory.mktemp("platform"))


@pytest.fixture(scope="module")
def known(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json_from(folder, "-c", ASK)
    return found


def test_whatever_names_the_fields_names_the_new_one(known: dict[str, Any]) -> None:
    assert known["posted model"]["description"] == "Of the texts. At most 64 bytes of UTF-8."
    assert (known["required"], known["example"], known["emulator"]) == (False, "el", "el")
    last = CLEAN_COLUMNS.index(PIN_FIELDS[-1].name)
    assert known["clean columns"] == [last + 1, "string"]
    assert (known["schema check"], known["lines"]) == (last + 1, last + 1)
    assert known["older files"][-1] == [last + 1, "string"]
    assert known["PostgreSQL"] == "text"
    assert known["saved query"] == 3


def test_the_index_of_contents_stays_as_it_was_made_and_what_stands_for_a_content_knows_the_field(
    known: dict[str, Any],
) -> None:
    assert known["digests"] == [False, True]


def test_the_api_takes_the_field_and_pins_without_it(known: dict[str, Any]) -> None:
    for post in ("read", "read with an id", "without"):
        assert known[post] == [True, True]
    for post in ("null", "one more"):
        assert known[post] == [False, True]
    assert known["too long"] == [False, f"{NAME}: must not be longer than 64 bytes"]
    assert known["a number"] == [False, f"{NAME}: Input should be a valid string"]


def test_what_must_hold_of_the_table_holds_with_the_field(folder: Path) -> None:
    modules = ("pins/test_fields", "clean_slices/test_schema", "stores/test_released_migrations")
    files = [f"pinterest_platform_tests/unit/{module}.py" for module in modules]

    run_in(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files)
