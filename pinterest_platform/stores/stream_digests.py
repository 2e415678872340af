"""SQL digests of a stream row, which find repeats of an event: of its event id, and of its posted fields.

The digests of a stored row never change, even if fields are added later.
"""

from __future__ import annotations

from psycopg import sql

from pinterest_platform.pins.fields import ADDED_FIELDS, FIRST_FIELDS


def event_digest(table: str) -> sql.Composed:
    """The first column of the index of event ids: a 64-bit digest of an id of any length. `table` may be an alias."""
    return sql.SQL("hashtextextended({}, 0)").format(sql.Identifier(table, "event_id"))


def content_digest(table: str) -> sql.Composed:
    """The second column of that index: a 64-bit digest of the fields, so that an id with many pins is searched quickly.

    It covers only the fields of the first release, as the released index does. So all fields of a found row must be
    compared.
    """
    return sql.SQL("hashtextextended(({}), 0)").format(_first_fields(table))


def content_identity(table: str) -> sql.Composed:
    """A 128-bit digest of all posted fields, as a uuid, for tables that do not keep the fields themselves."""
    added = [
        sql.SQL("coalesce(chr(2) || {} || chr(3) || {}::text, '')").format(
            sql.Literal(each.name), sql.Identifier(table, each.name)
        )
        for each in ADDED_FIELDS
    ]
    return sql.SQL("md5(({}))::uuid").format(sql.SQL(" || ").join([_first_fields(table), *added]))


def _first_fields(table: str) -> sql.Composed:
    # An index needs an immutable expression, which concat_ws is not. The separators occur in hardly any field.
    names = [sql.Identifier(table, each.name) for each in FIRST_FIELDS]
    return sql.SQL(" || chr(2) || ").join(sql.SQL("coalesce({}::text, chr(1))").format(name) for name in names)
