"""One question: the text that a person wrote, asked of Presto, shown as a table.

Belongs here: what such a text may be (SQL, or the name of a saved query with values) and how an answer looks. Does not
belong here: the conversation (`shell`), and how Presto is asked (`pinterest_platform.stores.presto`).
"""

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
    """Ask and show the answer with how long it took.

    Raises:
        StackError: there is no answer; its text says why, and what to do.
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
    """The SQL of `profiles_by_posts rows=5` where there is a saved query of this name, else the text itself."""
    text = question.strip().removesuffix(";").strip()
    saved = saved_queries(settings.saved_queries).get(text.partition(" ")[0])
    return saved.filled(settings, _values(saved, text)) if saved else text


def as_table(answer: Answer) -> Table:
    """Numbers to the right; what is null is empty."""
    table = Table(box=None, pad_edge=False)
    for name, kind in zip(answer.columns, answer.types, strict=True):
        table.add_column(name, justify="right" if kind.startswith(_NUMBERS) else "left", overflow="fold")
    for row in answer.rows:
        table.add_row(*(Text("" if value is None else str(value)) for value in row))
    return table


def saved_as_table(settings: Settings) -> Table:
    """The saved queries, what each answers and what it takes."""
    table = Table(box=None, pad_edge=False)
    for title in ("saved query", "values", "answers"):
        table.add_column(title, overflow="fold")
    for query in saved_queries(settings.saved_queries).values():
        table.add_row(query.name, " ".join(f"{name}=…" for name in query.parameters), query.answers)
    return table


def _values(query: SavedQuery, text: str) -> dict[str, Any]:
    """`a=1 b='x y'` after the name; a comma parts the members of a list."""
    try:
        words = shlex.split(text)[1:]
    except ValueError as error:
        raise SavedQueryError(f"The values of {query.name} cannot be read ({error}).") from error
    pairs = [word.partition("=") for word in words]
    if wrong := [name for name, equals, _ in pairs if not equals]:
        raise SavedQueryError(f"{wrong[0]!r} is no value of {query.name}: write name=value.")
    return {name: value.split(",") if name in query.lists else value for name, _, value in pairs}
