"""A cleaned record as one line of PostgreSQL's COPY, written by Spark.

Belongs here: Spark's expressions. A batch crosses from the JVM to the driver's Python as one string a
record and goes to PostgreSQL as it is: no Python runs per field. Does not belong here: what is done with the lines
(`stream.sink`), and the format itself (`stores.postgres_copy`).
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import StringType

from pinterest_platform.pins.cleaning import CLEAN_COLUMNS, CLEAN_SCHEMA, PIN_COLUMNS
from pinterest_platform.stores.postgres_copy import ESCAPES, NULL

LINE = "line"
LINE_COLUMNS = (*CLEAN_COLUMNS, "original", "reason")

# A reject's fields were not looked at closely: they may hold what PostgreSQL has no text for.
_FIELDS_OF_A_PIN = frozenset({*PIN_COLUMNS, "event_id"})
_NO_TEXTS = frozenset(field.name for field in CLEAN_SCHEMA if field.dataType != StringType())


def copy_lines(cleaned: DataFrame) -> DataFrame:
    """One column `line`, with `LINE_COLUMNS` in that order: the text of a reject only, the fields of a pin only."""
    fields = [F.coalesce(_field(name), F.lit(NULL)) for name in LINE_COLUMNS]
    return cleaned.select(F.concat_ws("\t", *fields).alias(LINE))


def _field(name: str) -> Column:
    is_reject = F.col("reason").isNotNull()
    if name == "ingested_at":
        return F.date_format(name, "yyyy-MM-dd HH:mm:ss.SSSXXX")  # with its offset, whatever the session's time zone
    if name == "original":
        # PostgreSQL has no NUL in text; the raw object in S3 keeps the record as it came.
        return F.when(is_reject, _escaped(F.translate(name, "\0", "\N{SYMBOL FOR NULL}")))
    text = F.col(name).cast("string") if name in _NO_TEXTS else _escaped(F.col(name))
    return F.when(~is_reject, text) if name in _FIELDS_OF_A_PIN else text


def _escaped(text: Column) -> Column:
    for character, escape in ESCAPES.items():
        text = F.replace(text, F.lit(character), F.lit(escape))
    return text
