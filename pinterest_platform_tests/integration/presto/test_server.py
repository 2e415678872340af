"""The Presto server: who can reach it, what it refuses, what it sends to the stores, and its errors without them."""

from __future__ import annotations

import re
import time
from datetime import timedelta

import psutil
import pytest

from infra.command_line.sql_questions import answer_question
from infra.errors import StackError
from infra.local_stack.stack import LocalStack
from infra.local_stack.terminal import Terminal
from pinterest_platform.settings import Settings
from pinterest_platform.stores.presto import PrestoUnavailableError, QueryRefusedError, ask, ask_both_catalogs
from pinterest_platform.stores.saved_queries import saved_query
from pinterest_platform_tests.integration.presto.batch_rows import put_batch
from pinterest_platform_tests.support.cleaned import NOON, cleaned_row
from pinterest_platform_tests.support.outages import kill_server

PATIENCE_SECONDS = 10


def test_every_listener_is_on_loopback(presto: Settings, test_stack: LocalStack) -> None:
    process = test_stack.process("presto")
    assert process is not None
    listening = [entry for entry in process.net_connections("tcp") if entry.status == psutil.CONN_LISTEN]

    assert {entry.laddr[0].removeprefix("::ffff:") for entry in listening} == {"127.0.0.1"}


def test_cassandra_is_asked_as_consistently_as_the_settings_say(presto: Settings) -> None:
    catalog = presto.state_folder / "presto" / "catalog" / "cassandra.properties"

    assert "cassandra.consistency-level=LOCAL_QUORUM" in catalog.read_text().splitlines()


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM postgresql.public.stream_progress",
        "CREATE TABLE postgresql.public.mine (word varchar)",
        "INSERT INTO cassandra.tests.pinterest_batch_categories VALUES (DATE '2026-11-16', 'art')",
    ],
)
def test_nothing_can_be_written(layers: Settings, statement: str) -> None:
    with pytest.raises(QueryRefusedError, match=r"PERMISSION_DENIED|NOT_SUPPORTED"):
        ask(layers, statement)


def test_a_mistake_in_a_query_is_told_with_its_place(presto: Settings) -> None:
    with pytest.raises(QueryRefusedError, match=r"SYNTAX_ERROR\): line 1:8: Column 'nothing' cannot be resolved"):
        ask(presto, "SELECT nothing")


def test_day_and_category_are_pushed_down_to_cassandra(layers: Settings) -> None:
    put_batch(layers, [cleaned_row(0), cleaned_row(1, category="travel"), cleaned_row(2, at=NOON + timedelta(days=1))])
    one = saved_query(layers, "pins_of_a_category").filled(layers, {"day": "2026-11-16", "category": "art"})
    two = one.replace("category = 'art'", "category IN ('art', 'travel')")
    of_the_day = one.replace("AND category = 'art'", "")

    assert [left_to_presto(layers, query) for query in (one, two, of_the_day)] == [False, False, True]
    assert [rows_read(layers, query) for query in (one, two, of_the_day)] == [1, 2, 3]


def left_to_presto(settings: Settings, query: str) -> bool:
    """Whether the plan has a filter: what Cassandra has filtered needs none."""
    [(plan,)] = ask(settings, f"EXPLAIN (TYPE DISTRIBUTED) {query}").rows
    return "filterPredicate" in plan


def rows_read(settings: Settings, query: str) -> int:
    """How many rows Cassandra gave."""
    [(plan,)] = ask(settings, f"EXPLAIN ANALYZE {query}").rows
    scan = plan[re.search("(Table)?Scan", plan).start() :]  # type: ignore[union-attr]
    return int(re.search(r"Input: (\d+) row", scan)[1])  # type: ignore[index]


def test_without_cassandra_a_query_ends_soon_and_says_so(presto: Settings, test_stack: LocalStack) -> None:
    kill_server(test_stack, "cassandra")
    began = time.monotonic()
    try:
        with pytest.raises(StackError, match=r"Cassandra at 127.0.0.1, port \d+, cannot be reached by Presto"):
            answer_question(presto, "most_popular_category_of_the_year", Terminal())
        seconds = time.monotonic() - began
        assert ask(presto, "SELECT count(*) FROM postgresql.public.stream_progress").rows  # the stream still answers
    finally:
        test_stack.start(["cassandra"])

    assert seconds < PATIENCE_SECONDS
    wait_for_an_answer(presto)


def wait_for_an_answer(settings: Settings) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            return ask_both_catalogs(settings)
        except PrestoUnavailableError:
            time.sleep(0.5)
    raise AssertionError("Presto does not find Cassandra again")
