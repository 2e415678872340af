"""Digests of a stream's row, by which repeats of an event are found: of its id, and of what was posted.

Each says the same of a row as it did when the row was stored, whatever fields have been added since.
"""

from __future__ import annotations

from psycopg import sql

from pinterest_platform.pins.fields import ADDED_FIELDS, FIRST_FIELDS


def event_digest(table: str) -> sql.Composed:
    """What the index of event ids has first: eight bytes for an id of any length."""
    return sql.SQL("hashtextextended({}, 0)").format(sql.Identifier(table, "event_id"))


def content_digest(table: str) -> sql.Composed:
    """What the index has second: an id that many pins have is found with its content at once.

    Of the fields of the first release only, as the index was made: whoever finds a row by it compares all fields.
    """
    return sql.SQL("hashtextextended(({}), 0)").format(_first_fields(table))


def content_identity(table: str) -> sql.Composed:
    """128 bits of the posted fields, which stand for them where the fields themselves are not kept."""
    added = [
        sql.SQL("coalesce(chr(2) || {} || chr(3) || {}::text, '')").format(
            sql.Literal(each.name), sql.Identifier(table, each.name)
        )
        for each in ADDED_FIELDS
    ]
    return sql.SQL("md5(({}))::uuid").format(sql.SQL(" || ").join([_first_fields(table), *added]))


def _first_fields(table: str) -> sql.Composed:
    # Immutable, as an index asks for: concat_ws is not. Bytes that stand in hardly any field part them.
    names = [sql.Identifier(table, each.name) for each in FIRST_FIELDS]
    return sql.SQL(" || chr(2) || ").join(sql.SQL("coalesce({}::text, chr(1))").format(name) for name in names)
