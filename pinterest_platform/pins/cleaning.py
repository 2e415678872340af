"""Cleaning: a Kafka record becomes a clean pin, or a reject with a reason. Batch and stream use the same functions.

The functions are Spark expressions over records (`RECORD_SCHEMA`) or raw lines (`LINE_SCHEMA`). No Python runs per row.
Each rule looks at a single record, except `newest_per_pin`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from functools import lru_cache, reduce
from operator import or_

from pyspark import SparkContext
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812 - the name that every Spark reader knows
from pyspark.sql import types as T  # noqa: N812

from pinterest_platform.pins.calendar import AHEAD_MS, AHEAD_OF_NOW, BEFORE_FIRST_DAY, MILLISECONDS_A_DAY, start_of
from pinterest_platform.pins.fields import GREATEST_BYTES, MISSING_TEXTS, PIN_FIELDS, FieldType, PinField, too_long
from pinterest_platform.pins.order import ORDER

RECORD_SCHEMA = T.StructType(
    [
        T.StructField("topic", T.StringType(), nullable=False),
        T.StructField("partition", T.IntegerType(), nullable=False),
        T.StructField("offset", T.LongType(), nullable=False),
        T.StructField("timestamp", T.TimestampType(), nullable=False),
        T.StructField("key", T.BinaryType()),
        T.StructField("value", T.BinaryType()),
    ]
)

# `timestamp` is milliseconds since 1970 UTC: any 64 bits that a producer has written.
LINE_SCHEMA = T.StructType(
    [
        *(field for field in RECORD_SCHEMA if field.name in ("topic", "partition", "offset")),
        T.StructField("timestamp", T.LongType(), nullable=False),
        T.StructField("value", T.StringType()),
        T.StructField("value_base64", T.StringType()),
    ]
)
_COORDINATES = ("topic", "partition", "offset", "timestamp")

PIN_COLUMNS = tuple(field.name for field in PIN_FIELDS)
_SPARK_TYPES = {
    FieldType.TEXT: T.StringType(),
    FieldType.BIGINT: T.LongType(),
    FieldType.INTEGER: T.IntegerType(),
}
_PLATFORM_SCHEMA = T.StructType(
    [
        T.StructField("event_id", T.StringType()),
        T.StructField("ingested_at", T.TimestampType()),
        T.StructField("ingest_date", T.DateType()),
        T.StructField("kafka_partition", T.IntegerType()),
        T.StructField("kafka_offset", T.LongType()),
    ]
)
CLEAN_SCHEMA = T.StructType(
    [*(T.StructField(field.name, _SPARK_TYPES[field.type]) for field in PIN_FIELDS), *_PLATFORM_SCHEMA]
)
PLATFORM_COLUMNS = tuple(_PLATFORM_SCHEMA.names)
CLEAN_COLUMNS = tuple(CLEAN_SCHEMA.names)
REJECT_COLUMNS = ("ingested_at", "ingest_date", "kafka_topic", "kafka_partition", "kafka_offset", "original", "reason")

_POSTED_TEXTS = tuple(GREATEST_BYTES)
_POSTED_NUMBERS = tuple(field for field in PIN_FIELDS if field.is_posted_as_number)
_POSTED_SCHEMA = T.StructType(
    [T.StructField(name, T.StringType()) for name in _POSTED_TEXTS]
    + [T.StructField(field.posted_name, T.LongType()) for field in _POSTED_NUMBERS]
)
_IDENTIFIERS = tuple(field.posted_name for field in PIN_FIELDS if not (field.is_posted_as_number or field.is_nullable))
_WHOLE_NUMBERS = PinField("any", FieldType.BIGINT).range  # what a `LongType` holds
# What a JSON value may be that is no text: from_json reads null where it is another one.
_OTHER_TYPES = ("array<string>", "map<string,string>", "double", "boolean")
_STRICT_JSON = {"allowSingleQuotes": "false", "allowNonNumericNumbers": "false"}
_FOLLOWER_COUNT = r"^[0-9]+(?:\.[0-9]+)?[kKmMbB]?\z"
# \p{Z} and the explicit controls, as java.util.regex knows them: what `str.isspace` calls white space.
_BLANK = r"^[\s\p{Z}\x{1c}-\x{1f}\x{85}]*\z"
# JSON can spell half of a surrogate pair, which no UTF-8 text can hold. For a text without escaped backslashes.
_LONE_SURROGATE = r"(?i)\\ud[89ab][0-9a-f]{2}(?!\\ud[c-f][0-9a-f]{2})|(?<!\\ud[89ab][0-9a-f]{2})\\ud[c-f][0-9a-f]{2}"
# A number, true or false as from_json hands it out as text, and where one may stand in place of a text.
_SCALAR = r"^(?:-?[0-9][0-9.eE+-]*|true|false|\"-?Infinity\")\z"
_SCALAR_MEMBER = rf'"(?:{"|".join(_POSTED_TEXTS)})"\s*:\s*[-0-9tf]'


def misdated(timestamp: Column, first_day: date) -> Column:
    """Why the timestamp of a record that is read now is not plausible (`PlausibleTimes`); null where it is.

    Args:
        timestamp: in milliseconds, as lines have it.
        first_day: the first one of the daily partitions.
    """
    is_ahead = timestamp > F.unix_millis(F.current_timestamp()) + AHEAD_MS
    return F.when(timestamp < start_of(first_day), F.lit(BEFORE_FIRST_DAY)).when(is_ahead, F.lit(AHEAD_OF_NOW))


def landed_as_misdated(timestamp: Column, first_day: date) -> Column:
    """`misdated` of a record that was not plausible when it was landed, however late it is now."""
    return F.when(timestamp < start_of(first_day), F.lit(BEFORE_FIRST_DAY)).otherwise(F.lit(AHEAD_OF_NOW))


def clean_records(records: DataFrame, misdated: Column | None = None) -> DataFrame:
    """`clean_lines` of records as Kafka has them.

    Args:
        records: rows of `RECORD_SCHEMA`; `timestamp` is the ingest time.
        misdated: as for `clean_lines`, of the records' lines.
    """
    return clean_lines(as_lines(records), misdated)


def as_lines(records: DataFrame) -> DataFrame:
    """Records as raw lines have them: `value` is text; where it is not UTF-8, it is null, and `value_base64` has it."""
    coordinates = [F.unix_millis(name).alias(name) if name == "timestamp" else F.col(name) for name in _COORDINATES]
    decoded = records.select(*coordinates, "value", _once(F.decode("value", "UTF-8")).alias("decoded"))
    # What is not UTF-8 is decoded to the replacement character. A posted text may have that too, but few do: encoding
    # every one again costs half as much as reading its JSON.
    is_broken = F.col("decoded").contains("\ufffd") & (F.encode("decoded", "UTF-8") != F.col("value"))
    return decoded.select(
        *_COORDINATES,
        F.when(~is_broken, F.col("decoded")).alias("value"),
        F.when(is_broken, F.base64("value")).alias("value_base64"),
    )


def clean_lines(lines: DataFrame, misdated: Column | None = None) -> DataFrame:
    """One row a record: the clean columns, `kafka_topic`, `original` text and the `reason` of a reject (else null).

    Args:
        lines: rows of `LINE_SCHEMA`, as `as_lines` makes them of records; `timestamp` is the ingest time.
        misdated: why a line's timestamp is not plausible, null where it is: without it, all are. What is not is
            rejected with that reason, and dated to 1970-01-01.
    """
    misdated = F.lit(None).cast("string") if misdated is None else misdated
    posted = _once(_posted_values(F.col("value"))).alias("posted")
    parsed = lines.select(*_COORDINATES, "value", "value_base64", misdated.alias("misdated"), posted).withColumn(
        "pin", F.when(F.size("posted") == 1, F.col("posted")[0])
    )
    return parsed.select(*_cleaned_columns(lines.sparkSession.sparkContext))


@lru_cache(maxsize=1)
def _cleaned_columns(_context: SparkContext) -> tuple[Column, ...]:
    """What a parsed line becomes. Made once a JVM: it takes py4j a second, and a small day is cleaned three times."""
    return (
        *_pin_columns(),
        *_platform_columns(),
        F.col("topic").alias("kafka_topic"),
        F.coalesce("value", F.decode(F.unbase64("value_base64"), "UTF-8")).alias("original"),
        _reject_reason().alias("reason"),
    )


def accepted(cleaned: DataFrame) -> DataFrame:
    """The clean pins among `clean_records`, in the public column order."""
    return cleaned.where(F.col("reason").isNull()).select(*CLEAN_COLUMNS)


def rejected(cleaned: DataFrame) -> DataFrame:
    """The records that cannot be read as a pin, with coordinates, original text and reason."""
    return cleaned.where(F.col("reason").isNotNull()).select(*REJECT_COLUMNS)


def newest_per_pin(pins: DataFrame) -> DataFrame:
    """One row per day and pin: the newest by `ORDER`. The others are superseded: `versions` counts all."""
    of_pin = Window.partitionBy("ingest_date", "unique_id")
    newest_first = of_pin.orderBy(*map(F.desc, ORDER))
    numbered = pins.withColumns({"version": F.row_number().over(newest_first), "versions": F.count("*").over(of_pin)})
    return numbered.where(F.col("version") == 1).drop("version")


def _posted_values(text: Column) -> Column:
    """The JSON values in the text, read as posted pins; null where it is not JSON.

    Between brackets, because from_json reads one value and does not look at what follows it: this way a second value
    is a second element.
    """
    return F.from_json(F.concat(F.lit("["), text, F.lit("]")), T.ArrayType(_POSTED_SCHEMA), _STRICT_JSON)


def _once(column: Column) -> Column:
    """The column, evaluated once a row: Spark moves filters below a projection, and the expressions with them, once for
    every time that the filter speaks of them. It moves nothing below a generator.
    """
    return F.explode(F.array(column))


def _pin_columns() -> list[Column]:
    columns = {field.name: _clean_value(field) for field in PIN_FIELDS}
    return [columns[name].alias(name) for name in PIN_COLUMNS]


def _clean_value(field: PinField) -> Column:
    if field.is_posted_as_number:
        return F.col(f"pin.{field.posted_name}").cast(field.type.value)
    text = _present(field.posted_name)
    return text if field.type is FieldType.TEXT else _whole_number(text)


def _present(field: str) -> Column:
    """The field's text, or null where it is blank or the field's own text for "missing"."""
    text = F.col(f"pin.{field}")
    # Nearly every text begins with a visible ASCII character, and a regular expression costs many times this test.
    is_missing = ~((text >= "!") & (text < "\x7f")) & text.rlike(_BLANK)
    if field in MISSING_TEXTS:
        is_missing |= text.isin(*MISSING_TEXTS[field])
    return F.when(~is_missing, text)


def _whole_number(text: Column) -> Column:
    """`12.3M` as 12300000. Exact: the decimal point is moved in the text; what is left behind it is cut off."""
    digits = F.translate(text, ".kKmMbB", "")
    point, length = F.instr(text, "."), F.length(digits)
    whole_digits = F.when(point > 0, point - 1).otherwise(length)
    suffix = F.lower(F.right(text, F.lit(1)))
    zeros = 3 * F.call_function("locate", suffix, F.lit("kmb"))  # 0 where the text ends with a digit
    shifted = F.call_function("rpad", digits, whole_digits + zeros, F.lit("0"))  # cuts off, too
    return F.when(text.rlike(_FOLLOWER_COUNT), shifted.cast("bigint"))  # null for a number that does not fit


def _platform_columns() -> list[Column]:
    # Without the session's time zone: the day must be the same whoever computes it.
    # What is no time would not fit into any store's: it is put at the beginning of `MISDATED_DAY`.
    ingested_at = F.when(F.col("misdated").isNotNull(), F.lit(0)).otherwise(F.col("timestamp"))
    day_number = F.floor(ingested_at / F.lit(MILLISECONDS_A_DAY)).cast("int")
    derived_id = F.concat_ws("-", "topic", F.col("partition").cast("string"), F.col("offset").cast("string"))
    columns = {
        "event_id": F.coalesce(_present("event_id"), derived_id),
        "ingested_at": F.timestamp_millis(ingested_at),
        "ingest_date": F.date_from_unix_date(day_number),
        "kafka_partition": F.col("partition"),
        "kafka_offset": F.col("offset"),
    }
    return [columns[name].alias(name) for name in PLATFORM_COLUMNS]


def _reject_reason() -> Column:
    """The first rule that the record breaks, in words; null for a pin."""
    text = F.col("value")
    return F.coalesce(
        F.col("misdated"),
        # Not by the length, for which every character is counted: that was a sixth of all cleaning.
        _when(text.isNull() & F.col("value_base64").isNull() | (text == ""), "the record has no value"),
        _when(F.col("value_base64").isNotNull(), "the value is not UTF-8 text"),
        _when(~_is_one_json_object(text), "the value is not a JSON object"),
        F.when(text.contains(r"\u"), _unstorable_text(text)),
        *(_when(_present(name).isNull(), f"{name} is missing") for name in _IDENTIFIERS),
        *(reason for field in _POSTED_NUMBERS for reason in _number_reasons(text, field)),
        _field_that_is_no_text(text),
        *(
            _when(F.octet_length(f"pin.{name}") > limit, f"{name} is {too_long(name)}")
            for name, limit in GREATEST_BYTES.items()
        ),
    )


def _number_reasons(text: Column, field: PinField) -> Iterator[Column]:
    name, number = field.posted_name, F.col(f"pin.{field.posted_name}")
    least, greatest = field.range
    is_no_such_number = f"{name} is not {field.range_in_words}"
    yield _when(number.isNull() & _has(text, name), is_no_such_number)
    if not field.is_nullable:
        yield _when(number.isNull(), f"{name} is missing")
    if (least, greatest) != _WHOLE_NUMBERS:
        yield _when(~number.between(least, greatest), is_no_such_number)


def _when(condition: Column, reason: str) -> Column:
    return F.when(condition, F.lit(reason))


def _unstorable_text(text: Column) -> Column:
    """The reason of a pin with a text that only an escape can spell, and that some store cannot hold."""
    return F.coalesce(
        _when(_any_field_contains("\0"), "a text contains the NUL character"),
        _when(
            F.replace(text, F.lit("\\\\"), F.lit("-")).rlike(_LONE_SURROGATE),
            "a text contains half of a surrogate pair",
        ),
    )


def _is_one_json_object(text: Column) -> Column:
    is_one_value = (F.size("posted") == 1) & (~text.contains("]") | _is_json_between_braces(text))
    return F.coalesce(is_one_value & (text.startswith("{") | text.rlike(r"^\s*\{")), F.lit(False))


def _is_json_between_braces(text: Column) -> Column:
    # A text that closes the brackets around it looks whole between them; it does not between braces.
    return F.get_json_object(F.concat(F.lit('{"value":'), text, F.lit("}")), "$.value").isNotNull()


def _any_field_contains(character: str) -> Column:
    return F.concat_ws("", *(f"pin.{name}" for name in _POSTED_TEXTS)).contains(character)


def _field_that_is_no_text(text: Column) -> Column:
    """The reason of a pin with another value in place of a text, which from_json hands out as its JSON."""
    fields = [F.col(f"pin.{name}") for name in _POSTED_TEXTS]
    looks_nested = reduce(or_, (field.startswith(bracket) for field in fields for bracket in "[{"))
    looks_scalar = reduce(or_, map(_looks_scalar, fields))
    may_be_scalar = looks_scalar & (text.rlike(_SCALAR_MEMBER) | text.contains(r"\u"))
    # Read again, only where a text looks like another value. A transform of an array of one is Spark's way of giving a
    # value a name: written out, it would be read again for every field.
    readings = F.struct(*(_every_field_as(text, kind) for kind in _OTHER_TYPES))
    return F.when(looks_nested | may_be_scalar, F.transform(F.array(readings), _first_that_is_no_text)[0])


def _looks_scalar(text: Column) -> Column:
    # A comparison costs a fraction of a regular expression, and few texts begin like a number.
    begins_like_one = ((text >= "-") & (text < ":")) | text.isin("true", "false") | text.startswith('"')
    return begins_like_one & text.rlike(_SCALAR)


def _every_field_as(text: Column, kind: str) -> Column:
    return F.from_json(text, ", ".join(f"{name} {kind}" for name in _POSTED_TEXTS), _STRICT_JSON).alias(kind)


def _first_that_is_no_text(readings: Column) -> Column:
    return F.coalesce(
        *(
            _when(reduce(or_, (readings[kind][name].isNotNull() for kind in _OTHER_TYPES)), f"{name} is not text")
            for name in _POSTED_TEXTS
        )
    )


def _has(text: Column, field: str) -> Column:
    return F.get_json_object(text, f"$.{field}").isNotNull()
