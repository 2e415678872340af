"""Saved queries: their files, parameters and values."""

from __future__ import annotations

from pathlib import Path

import pytest

from pinterest_platform.pins.calendar import LATENESS_MS, MILLISECONDS_AN_HOUR
from pinterest_platform.pins.fields import PIN_FIELDS
from pinterest_platform.settings import Settings
from pinterest_platform.stores.saved_queries import SavedQueryError, saved_queries, saved_query

FILE = """-- What is it?
-- In two lines.
-- :day  a day
-- :days  some days
-- :names  some names
-- :rows  how many
SELECT a::b FROM cassandra.pinterest_data.pins  -- ':00' is no value
WHERE day = DATE :day AND day IN DATE :days AND name IN :names LIMIT :rows;
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "pins_of_a_day.sql").write_text(FILE)
    return Settings(saved_queries=tmp_path, cassandra_keyspace="own")


def test_a_file_is_read_with_its_sentence_and_its_values(settings: Settings) -> None:
    [query] = saved_queries(settings.saved_queries).values()

    assert (query.name, query.answers) == ("pins_of_a_day", "What is it? In two lines.")
    assert query.parameters == {"day": "a day", "days": "some days", "names": "some names", "rows": "how many"}
    assert query.lists == {"days", "names"}


def test_values_become_literals_that_end_where_they_should(settings: Settings) -> None:
    values = {"day": "2026-11-16", "days": ["2026-11-16", "2026-11-17"], "names": ["it's", "b"], "rows": "7"}

    text = saved_query(settings, "pins_of_a_day").filled(settings, values)

    assert text == (
        "SELECT a::b FROM cassandra.own.pins  -- ':00' is no value\n"
        "WHERE day = DATE '2026-11-16' AND day IN (DATE '2026-11-16', DATE '2026-11-17') AND name IN ('it''s', 'b') "
        "LIMIT 7"
    )


def test_the_fields_of_a_pin_are_those_of_the_table(tmp_path: Path) -> None:
    (tmp_path / "all.sql").write_text("-- All.\nSELECT :pin_fields, ARRAY[:pin_texts] FROM pins")

    text = saved_query(Settings(saved_queries=tmp_path), "all").filled(Settings(), {})

    names = [each.name for each in PIN_FIELDS]
    texts = ", ".join(f"CAST({name} AS varchar)" for name in names)
    assert text == f"SELECT {', '.join(names)}, ARRAY[{texts}] FROM pins"  # noqa: S608


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "pins_of_a_day needs names. It takes day=a day; days=some days; names=some names; rows=how many."),
        ({"names": "a", "color": "red"}, "pins_of_a_day does not take color. It takes"),
        ({"names": "a", "rows": "7; DROP"}, "rows=7; DROP is neither a whole number nor ALL."),
    ],
)
def test_what_is_lacking_or_too_much_is_told(settings: Settings, values: dict[str, str], words: str) -> None:
    with pytest.raises(SavedQueryError, match=words.replace("(", r"\(")):
        saved_query(settings, "pins_of_a_day").filled(settings, values)


def test_an_unknown_name_tells_the_known_ones(settings: Settings) -> None:
    with pytest.raises(SavedQueryError, match=r"no saved query pins\. There are: pins_of_a_day\."):
        saved_query(settings, "pins")


def test_the_saved_view_of_both_layers_closes_a_day_when_the_platform_does() -> None:
    query = saved_query(Settings(), "newest_version_of_every_pin")
    assert f"current_timestamp - INTERVAL '{LATENESS_MS // MILLISECONDS_AN_HOUR}' HOUR" in query.text
