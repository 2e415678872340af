"""That the SQL which cannot derive its order has the platform's."""

from __future__ import annotations

import re

import pytest

from pinterest_platform.pins.order import ORDER
from pinterest_platform.settings import Settings
from pinterest_platform.stores.saved_queries import saved_queries
from pinterest_platform.stores.stream_tables import MIGRATIONS

NEWEST_FIRST = ", ".join(f"{name} DESC" for name in ORDER)
CREATES = re.compile(r"CREATE (?:OR REPLACE )?VIEW (\w+)")


def views() -> dict[str, str]:
    """The views as the last migration leaves them."""
    texts = [statement.as_string(None) for step in MIGRATIONS for statement in step.statements]
    return {found[1]: text for text in texts if (found := CREATES.search(text))}


QUERIES = {name: query.text for name, query in saved_queries(Settings().saved_queries).items()}
RANKED = {name: text for name, text in (QUERIES | views()).items() if "ingested_at DESC" in text}


def test_what_looks_for_the_newest_is_found() -> None:
    queries = {"newest_version_of_every_pin", "growth_of_a_pins_followers"}
    assert (
        queries | {"pinterest_stream_newest", "pinterest_stream_slices", "popular_profiles_last_hour"} <= RANKED.keys()
    )


@pytest.mark.parametrize("name", sorted(RANKED))
def test_every_query_and_view_takes_the_newest_by_the_platforms_order(name: str) -> None:
    text = re.sub(r'["\s]+', " ", RANKED[name])

    assert text.count("ingested_at DESC") == text.count(NEWEST_FIRST)
