"""The queries of `make sql`: SQL or a saved query with values; and how results are shown."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from infra.command_line.sql_questions import answer_question, as_sql, as_table
from infra.command_line.sql_shell import converse
from infra.errors import StackError
from infra.local_stack.terminal import Terminal
from pinterest_platform.settings import Settings
from pinterest_platform.stores.presto import Answer
from pinterest_platform.stores.saved_queries import SavedQueryError


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "pins_of.sql").write_text("-- Which?\n-- :name  whose\nSELECT * FROM pins WHERE name = :name")
    return Settings(saved_queries=tmp_path, state_folder=tmp_path, presto_port=9)


def test_sql_is_asked_as_it_is(settings: Settings) -> None:
    assert as_sql(settings, " SELECT pins_of ; ") == "SELECT pins_of"


def test_a_saved_query_is_asked_by_its_name(settings: Settings) -> None:
    assert as_sql(settings, "pins_of name='Ada L.';") == "SELECT * FROM pins WHERE name = 'Ada L.'"


@pytest.mark.parametrize(
    ("question", "words"),
    [("pins_of", "needs name"), ("pins_of Ada", "'Ada' is not a value"), ("pins_of name='Ada", "Cannot read")],
)
def test_values_that_cannot_be_read_are_told(settings: Settings, question: str, words: str) -> None:
    with pytest.raises(SavedQueryError, match=words):
        as_sql(settings, question)


def test_an_answer_is_a_table_with_numbers_to_the_right() -> None:
    out = io.StringIO()

    Terminal(out).table(as_table(Answer(("name", "posts"), ("varchar", "bigint"), [("Ada [b]", 12), (None, 3)])))

    assert [line.rstrip() for line in out.getvalue().splitlines()] == [
        "name     posts",
        "Ada [b]     12",
        "             3",
    ]


def test_without_presto_the_question_fails_with_what_to_do(settings: Settings) -> None:
    with pytest.raises(
        StackError, match=r"Presto at 127.0.0.1, port 9, does not answer \(ConnectionError\): see that it"
    ):
        answer_question(settings, "SELECT 1", Terminal(io.StringIO()))


def test_a_conversation_from_a_pipe_asks_each_statement_and_tells_that_one_failed(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdin", io.StringIO("queries\nSELECT\n  1;\npins_of name=\nquit\nSELECT 2;\n"))

    code = converse(settings, Terminal(out))

    assert code == 1
    assert "pins_of      name=…  Which?" in out.getvalue()
    assert out.getvalue().count("does not answer") == 2
