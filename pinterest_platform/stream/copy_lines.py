"""Turns a cleaned record into one line of PostgreSQL's COPY format, in Spark.

A record crosses from the JVM to Python as one string and goes to PostgreSQL unchanged, so no Python runs per field. The
format itself is in `stores.postgres_copy`.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import StringType

from pinterest_platform.pins.cleaning import CLEAN_COLUMNS, CLEAN_SCHEMA, PIN_COLUMNS
from pinterest_platform.stores.postgres_copy import ESCAPES, NULL

LINE = "line"
LINE_COLUMNS = (*CLEAN_COLUMNS, "original", "reason")

# A reject's fields are not validated, and may hold what PostgreSQL cannot store.
_FIELDS_OF_A_PIN = frozenset({*PIN_COLUMNS, "event_id"})
_NO_TEXTS = frozenset(field.name for field in CLEAN_SCHEMA if field.dataType != StringType())


def copy_lines(cleaned: DataFrame) -> DataFrame:
    """One column `line` with `LINE_COLUMNS` in order. Only rejects have `original`, only pins have a pin's fields."""
    fields = [F.coalesce(_field(name), F.lit(NULL)) for name in LINE_COLUMNS]
    return cleaned.select(F.concat_ws("\t", *fields).alias(LINE))


def _field(name: str) -> Column:
    is_reject = F.col("reason").isNotNull()
    if name == "ingested_at":
        return F.date_format(
            name, "yyyy-MM-dd HH:mm:ss.SSSXXX"
        )  # explicit offset: independent of the session's time zone
    if name == "original":
        # PostgreSQL's text cannot hold NUL. The raw object in S3 keeps the original.
        return F.when(is_reject, _escaped(F.translate(name, "\0", "\N{SYMBOL FOR NULL}")))
    text = F.col(name).cast("string") if name in _NO_TEXTS else _escaped(F.col(name))
    return F.when(~is_reject, text) if name in _FIELDS_OF_A_PIN else text


def _escaped(text: Column) -> Column:
    for character, escape in ESCAPES.items():
        text = F.replace(text, F.lit(character), F.lit(escape))
    return text
