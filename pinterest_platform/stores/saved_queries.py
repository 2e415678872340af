"""Saved queries: `.sql` files in `infra/presto/queries`, run by name.

A file begins with comments: a sentence on what it answers, then a line `-- :name  what it is` per parameter. In the
query,

- `:name` becomes a quoted text, or a list in parentheses if it has several values,
- `DATE :name` becomes a date, or a list of dates,
- `:rows` becomes a whole number or ALL,
- `:pin_fields` becomes the names of all fields of a pin, and `:pin_texts` each of them cast to text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pinterest_platform.pins.fields import PIN_FIELDS
from pinterest_platform.settings import Settings

_PARAMETER = re.compile(r"(?<![:\w])(DATE )?:([a-z_]+)\b")
_LIST = re.compile(r"\bIN (?:DATE )?:([a-z_]+)\b")
_DESCRIBED = re.compile(r"^:([a-z_]+)\s+(.*)")
_ROWS = re.compile(r"\d+|ALL")
_OF_ALL_FIELDS = {
    ":pin_fields": ", ".join(each.name for each in PIN_FIELDS),
    ":pin_texts": ", ".join(f"CAST({each.name} AS varchar)" for each in PIN_FIELDS),
}
# The files name the default keyspace, so that any client can run them unchanged.
_KEYSPACE = "cassandra.pinterest_data."

Value = str | Sequence[str]


class SavedQueryError(Exception):
    """There is no such saved query, or its values are missing or unknown."""


@dataclass(frozen=True)
class SavedQuery:
    """A query. `answers` says what it answers, `parameters` describes each value that it takes, `text` is its SQL."""

    name: str
    answers: str
    parameters: Mapping[str, str]
    text: str

    @property
    def lists(self) -> frozenset[str]:
        """The parameters that take several values: those after IN."""
        return frozenset(_LIST.findall(self.text))

    def filled(self, settings: Settings, values: Mapping[str, Value]) -> str:
        """The SQL with these values. `day`, `days`, `month` and `year` default to today's (UTC), `rows` to 20.

        Raises:
            SavedQueryError: a value is missing or not taken by the query, or `rows` is neither a number nor ALL.
        """
        given = {**_defaults(datetime.now(UTC)), **values}
        unknown, lacking = values.keys() - self.parameters.keys(), self.parameters.keys() - given.keys()
        if unknown or lacking:
            raise SavedQueryError(
                f"{self.name} {_does(unknown, lacking)}. It takes "
                f"{'; '.join(f'{name}={told}' for name, told in self.parameters.items()) or 'no values'}."
            )
        if not _ROWS.fullmatch(str(given["rows"])):
            raise SavedQueryError(f"rows={given['rows']} is neither a whole number nor ALL.")
        text = self.text.replace(_KEYSPACE, f"cassandra.{settings.cassandra_keyspace}.")
        for name, fields in _OF_ALL_FIELDS.items():
            text = text.replace(name, fields)
        return _PARAMETER.sub(lambda match: _literal(match[2], given[match[2]], match[1] or ""), text)


def saved_queries(folder: Path) -> dict[str, SavedQuery]:
    """The saved queries of a folder by name, sorted."""
    return {file.stem: _read(file) for file in sorted(folder.glob("*.sql"))}


def saved_query(settings: Settings, name: str) -> SavedQuery:
    """The saved query of this name.

    Raises:
        SavedQueryError: there is none; the message lists the existing ones.
    """
    known = saved_queries(settings.saved_queries)
    if name not in known:
        raise SavedQueryError(f"There is no saved query {name}. There are: {', '.join(known)}.")
    return known[name]


def _read(file: Path) -> SavedQuery:
    lines = file.read_text().splitlines()
    comments = [line.removeprefix("--").strip() for line in lines if line.startswith("--")]
    parameters = {found[1]: found[2] for line in comments if (found := _DESCRIBED.match(line))}
    sentence = " ".join(line for line in comments if not _DESCRIBED.match(line))
    query = "\n".join(line for line in lines if not line.startswith("--")).strip().removesuffix(";")
    return SavedQuery(file.stem, sentence, parameters, query)


def _defaults(now: datetime) -> dict[str, Value]:
    day = f"{now:%Y-%m-%d}"
    return {"day": day, "days": [day], "month": f"{now:%Y-%m}", "year": f"{now:%Y}", "rows": "20"}


def _does(unknown: set[str], lacking: set[str]) -> str:
    told = [f"does not take {', '.join(sorted(unknown))}"] if unknown else []
    return " and ".join(told + ([f"needs {', '.join(sorted(lacking))}"] if lacking else []))


def _literal(name: str, value: Value, kind: str) -> str:
    if name == "rows":
        return str(value)
    if not isinstance(value, str):
        return f"({', '.join(_literal(name, each, kind) for each in value)})"
    escaped = value.replace("'", "''")
    return f"{kind}'{escaped}'"
