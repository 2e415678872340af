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
from pyspark.sql import functions as F  # noqa: N812 - the usual name of this module
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

# `timestamp` is in milliseconds since 1970 UTC. It is not validated yet: a producer may write any 64-bit number.
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
# Raise it with every change of what is accepted, or of what is a repeat: event ids of earlier rules are then replaced.
RULES_VERSION = 1
CLEAN_COLUMNS = tuple(CLEAN_SCHEMA.names)
REJECT_COLUMNS = ("ingested_at", "ingest_date", "kafka_topic", "kafka_partition", "kafka_offset", "original", "reason")

_POSTED_TEXTS = tuple(GREATEST_BYTES)
_POSTED_NUMBERS = tuple(field for field in PIN_FIELDS if field.is_posted_as_number)
_POSTED_SCHEMA = T.StructType(
    [T.StructField(name, T.StringType()) for name in _POSTED_TEXTS]
    + [T.StructField(field.posted_name, T.LongType()) for field in _POSTED_NUMBERS]
)
_IDENTIFIERS = tuple(field.posted_name for field in PIN_FIELDS if not (field.is_posted_as_number or field.is_nullable))
_WHOLE_NUMBERS = PinField("any", FieldType.BIGINT).range  # the range of `LongType`
# The JSON types other than text. from_json gives null for a value that does not have the requested type.
_OTHER_TYPES = ("array<string>", "map<string,string>", "double", "boolean")
_STRICT_JSON = {"allowSingleQuotes": "false", "allowNonNumericNumbers": "false"}
_FOLLOWER_COUNT = r"^[0-9]+(?:\.[0-9]+)?[kKmMbB]?\z"
# White space as in Python's `str.isspace`. In java.util.regex, \s alone lacks \p{Z} and these control characters.
_BLANK = r"^[\s\p{Z}\x{1c}-\x{1f}\x{85}]*\z"
# An escape in JSON can spell half of a surrogate pair, which UTF-8 cannot encode. The pattern expects a text without
# escaped backslashes.
_LONE_SURROGATE = r"(?i)\\ud[89ab][0-9a-f]{2}(?!\\ud[c-f][0-9a-f]{2})|(?<!\\ud[89ab][0-9a-f]{2})\\ud[c-f][0-9a-f]{2}"
# `_SCALAR` matches the text that from_json gives for a number or a boolean. `_SCALAR_MEMBER` matches JSON that may have
# one in a text field.
_SCALAR = r"^(?:-?[0-9][0-9.eE+-]*|true|false|\"-?Infinity\")\z"
_SCALAR_MEMBER = rf'"(?:{"|".join(_POSTED_TEXTS)})"\s*:\s*[-0-9tf]'


def misdated(timestamp: Column, first_day: date) -> Column:
    """The reason why a timestamp is not plausible now (`PlausibleTimes`); null if it is plausible.

    Args:
        timestamp: in milliseconds since 1970 UTC.
        first_day: the first daily partition.
    """
    is_ahead = timestamp > F.unix_millis(F.current_timestamp()) + AHEAD_MS
    return F.when(timestamp < start_of(first_day), F.lit(BEFORE_FIRST_DAY)).when(is_ahead, F.lit(AHEAD_OF_NOW))


def landed_as_misdated(timestamp: Column, first_day: date) -> Column:
    """The `misdated` reason of a record that was landed as misdated, even if the clock has caught up with it."""
    return F.when(timestamp < start_of(first_day), F.lit(BEFORE_FIRST_DAY)).otherwise(F.lit(AHEAD_OF_NOW))


def clean_records(records: DataFrame, misdated: Column | None = None) -> DataFrame:
    """Apply `clean_lines` to Kafka records.

    Args:
        records: rows of `RECORD_SCHEMA`; `timestamp` is the ingest time.
        misdated: as for `clean_lines`, an expression over `LINE_SCHEMA`.
    """
    return clean_lines(as_lines(records), misdated)


def as_lines(records: DataFrame) -> DataFrame:
    """Convert records (`RECORD_SCHEMA`) to raw lines (`LINE_SCHEMA`).

    `value` is the decoded text. If the bytes are not UTF-8, it is null and `value_base64` has them.
    """
    coordinates = [F.unix_millis(name).alias(name) if name == "timestamp" else F.col(name) for name in _COORDINATES]
    decoded = records.select(*coordinates, "value", _once(F.decode("value", "UTF-8")).alias("decoded"))
    # Invalid bytes are decoded to U+FFFD, which a valid text may contain too. Only such texts are encoded again and
    # compared: doing so for all of them costs half as much as parsing their JSON.
    is_broken = F.col("decoded").contains("\ufffd") & (F.encode("decoded", "UTF-8") != F.col("value"))
    return decoded.select(
        *_COORDINATES,
        F.when(~is_broken, F.col("decoded")).alias("value"),
        F.when(is_broken, F.base64("value")).alias("value_base64"),
    )


def clean_lines(lines: DataFrame, misdated: Column | None = None) -> DataFrame:
    """Clean raw lines; returns one row per line, rejects included.

    The columns are `CLEAN_COLUMNS`, `kafka_topic`, the `original` text, and the `reason` of a reject (null for a pin).

    Args:
        lines: rows of `LINE_SCHEMA`; `timestamp` is the ingest time.
        misdated: the reason why a line's timestamp is not plausible, null if it is. Such a line is rejected with that
            reason and dated 1970-01-01. Without this argument every timestamp is accepted.
    """
    misdated = F.lit(None).cast("string") if misdated is None else misdated
    posted = _once(_posted_values(F.col("value"))).alias("posted")
    parsed = lines.select(*_COORDINATES, "value", "value_base64", misdated.alias("misdated"), posted).withColumn(
        "pin", F.when(F.size("posted") == 1, F.col("posted")[0])
    )
    return parsed.select(*_cleaned_columns(lines.sparkSession.sparkContext))


@lru_cache(maxsize=1)
def _cleaned_columns(_context: SparkContext) -> tuple[Column, ...]:
    """The columns that `clean_lines` returns, as expressions over a parsed line.

    Cached per Spark context: py4j takes a second to build them, and a small day is cleaned three times.
    """
    return (
        *_pin_columns(),
        *_platform_columns(),
        F.col("topic").alias("kafka_topic"),
        F.coalesce("value", F.decode(F.unbase64("value_base64"), "UTF-8")).alias("original"),
        _reject_reason().alias("reason"),
    )


def accepted(cleaned: DataFrame) -> DataFrame:
    """The clean pins in the result of `clean_records`, with `CLEAN_COLUMNS` in order."""
    return cleaned.where(F.col("reason").isNull()).select(*CLEAN_COLUMNS)


def rejected(cleaned: DataFrame) -> DataFrame:
    """The rejects in the result of `clean_records`: coordinates, original text and reason (`REJECT_COLUMNS`)."""
    return cleaned.where(F.col("reason").isNotNull()).select(*REJECT_COLUMNS)


def newest_per_pin(pins: DataFrame) -> DataFrame:
    """One row per day and pin: the newest by `ORDER`. `versions` counts all, the superseded ones included."""
    of_pin = Window.partitionBy("ingest_date", "unique_id")
    newest_first = of_pin.orderBy(*map(F.desc, ORDER))
    numbered = pins.withColumns({"version": F.row_number().over(newest_first), "versions": F.count("*").over(of_pin)})
    return numbered.where(F.col("version") == 1).drop("version")


def _posted_values(text: Column) -> Column:
    """The JSON values in the text, parsed as an array of posted pins; null if the text is not JSON.

    from_json ignores whatever follows the first value. Inside brackets, a second value becomes a second element.
    """
    return F.from_json(F.concat(F.lit("["), text, F.lit("]")), T.ArrayType(_POSTED_SCHEMA), _STRICT_JSON)


def _once(column: Column) -> Column:
    """The column, evaluated once per row.

    Spark pushes a filter below a projection, and copies the projected expression for each of its uses in the filter. It
    pushes nothing below a generator such as explode.
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
    """The field's text; null if it is blank or one of the field's `MISSING_TEXTS`."""
    text = F.col(f"pin.{field}")
    # Nearly every text begins with a visible ASCII character, and testing that costs far less than the pattern.
    is_missing = ~((text >= "!") & (text < "\x7f")) & text.rlike(_BLANK)
    if field in MISSING_TEXTS:
        is_missing |= text.isin(*MISSING_TEXTS[field])
    return F.when(~is_missing, text)


def _whole_number(text: Column) -> Column:
    """A count such as `12.3M` as 12300000; null if the text is not a count or exceeds 64 bits.

    Exact, since the decimal point is moved within the text. Remaining decimals are cut off.
    """
    digits = F.translate(text, ".kKmMbB", "")
    point, length = F.instr(text, "."), F.length(digits)
    whole_digits = F.when(point > 0, point - 1).otherwise(length)
    suffix = F.lower(F.right(text, F.lit(1)))
    zeros = 3 * F.call_function("locate", suffix, F.lit("kmb"))  # 0 if the text ends with a digit
    shifted = F.call_function("rpad", digits, whole_digits + zeros, F.lit("0"))  # pads with zeros or cuts off
    return F.when(text.rlike(_FOLLOWER_COUNT), shifted.cast("bigint"))  # null for a number that does not fit


def _platform_columns() -> list[Column]:
    # Computed without the session's time zone, so that the day never depends on it.
    # A misdated timestamp may not fit into a store's time type, so it becomes the start of `MISDATED_DAY`.
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
        # Not length(text) == 0, since counting every character took a sixth of the cleaning time.
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
    """The reason for rejecting a text that some store cannot hold. JSON can spell such a text only with escapes."""
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
    # A text like `{}],[{}` closes the added brackets, so from_json takes its first part for the whole array. As the
    # member of an object it does not parse.
    return F.get_json_object(F.concat(F.lit('{"value":'), text, F.lit("}")), "$.value").isNotNull()


def _any_field_contains(character: str) -> Column:
    return F.concat_ws("", *(f"pin.{name}" for name in _POSTED_TEXTS)).contains(character)


def _field_that_is_no_text(text: Column) -> Column:
    """The reason for rejecting a field that is not text. from_json gives the JSON of such a value as text."""
    fields = [F.col(f"pin.{name}") for name in _POSTED_TEXTS]
    looks_nested = reduce(or_, (field.startswith(bracket) for field in fields for bracket in "[{"))
    looks_scalar = reduce(or_, map(_looks_scalar, fields))
    may_be_scalar = looks_scalar & (text.rlike(_SCALAR_MEMBER) | text.contains(r"\u"))
    # Parse again, but only if a text looks like another JSON type. The transform of a one-element array binds the
    # parsed value to a name; otherwise Spark would parse it once per field.
    readings = F.struct(*(_every_field_as(text, kind) for kind in _OTHER_TYPES))
    return F.when(looks_nested | may_be_scalar, F.transform(F.array(readings), _first_that_is_no_text)[0])


def _looks_scalar(text: Column) -> Column:
    # Comparisons cost a fraction of the pattern, and few texts begin like a number.
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
