"""One query of `make sql`: SQL, or the name of a saved query with values, sent to Presto and shown as a table."""

from __future__ import annotations

import shlex
import time
from typing import Any

from rich.table import Table
from rich.text import Text

from infra.errors import StackError
from infra.local_stack.terminal import Terminal
from pinterest_platform.settings import Settings
from pinterest_platform.stores.presto import Answer, PrestoUnavailableError, QueryRefusedError, ask
from pinterest_platform.stores.saved_queries import SavedQuery, SavedQueryError, saved_queries

_NUMBERS = ("bigint", "integer", "smallint", "tinyint", "double", "real", "decimal")


def answer_question(settings: Settings, question: str, terminal: Terminal) -> None:
    """Runs the query and shows its rows and how long it took.

    Raises:
        StackError: the query failed; the text says why and what to do.
    """
    began = time.monotonic()
    try:
        answer = ask(settings, as_sql(settings, question))
    except (PrestoUnavailableError, QueryRefusedError, SavedQueryError) as error:
        raise StackError(str(error)) from error
    terminal.table(as_table(answer))
    rows = "1 row" if len(answer.rows) == 1 else f"{len(answer.rows):,} rows"
    terminal.line(f"{rows} in {time.monotonic() - began:.1f} s", style="dim")


def as_sql(settings: Settings, question: str) -> str:
    """The text itself, or the saved query's SQL if it names one, as in `profiles_by_posts rows=5`."""
    text = question.strip().removesuffix(";").strip()
    saved = saved_queries(settings.saved_queries).get(text.partition(" ")[0])
    return saved.filled(settings, _values(saved, text)) if saved else text


def as_table(answer: Answer) -> Table:
    """Numbers are aligned to the right; a null is an empty cell."""
    table = Table(box=None, pad_edge=False)
    for name, kind in zip(answer.columns, answer.types, strict=True):
        table.add_column(name, justify="right" if kind.startswith(_NUMBERS) else "left", overflow="fold")
    for row in answer.rows:
        table.add_row(*(Text("" if value is None else str(value)) for value in row))
    return table


def saved_as_table(settings: Settings) -> Table:
    """The saved queries, with their values and what each returns."""
    table = Table(box=None, pad_edge=False)
    for title in ("saved query", "values", "returns"):
        table.add_column(title, overflow="fold")
    for query in saved_queries(settings.saved_queries).values():
        table.add_row(query.name, " ".join(f"{name}=…" for name in query.parameters), query.answers)
    return table


def _values(query: SavedQuery, text: str) -> dict[str, Any]:
    """Reads `a=1 b='x y'` after the name; commas separate the members of a list."""
    try:
        words = shlex.split(text)[1:]
    except ValueError as error:
        raise SavedQueryError(f"Cannot read the values of {query.name} ({error}).") from error
    pairs = [word.partition("=") for word in words]
    if wrong := [name for name, equals, _ in pairs if not equals]:
        raise SavedQueryError(f"{wrong[0]!r} is not a value for {query.name}: write name=value.")
    return {name: value.split(",") if name in query.lists else value for name, _, value in pairs}
