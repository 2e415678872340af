"""What becomes of a Kafka record: a clean pin, or a reject with a reason. One implementation for batch and stream.

Belongs here: Spark expressions from records (`RECORD_SCHEMA`), or their raw lines (`LINE_SCHEMA`), to clean columns.
Does not belong here: reading or writing anything, and rules that look at more than one record, but for
`newest_per_pin`. No Python runs per row.
"""

from __future__ import annotations

from functools import reduce
from operator import or_

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812 - the name that every Spark reader knows
from pyspark.sql import types as T  # noqa: N812

from pinterest_platform.pins.event import MISSING_TEXTS

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

LINE_SCHEMA = T.StructType(
    [
        *(field for field in RECORD_SCHEMA if field.name not in ("key", "value")),
        T.StructField("value", T.StringType()),
        T.StructField("value_base64", T.StringType()),
    ]
)
_COORDINATES = ("topic", "partition", "offset", "timestamp")

PIN_COLUMNS = (
    "unique_id",
    "index_id",
    "title",
    "category",
    "description",
    "poster_name",
    "follower_count",
    "tag_list",
    "is_image_or_video",
    "image_src",
    "downloaded",
    "save_location",
)
TEXT_FIELDS = tuple(name for name in PIN_COLUMNS if name not in ("index_id", "downloaded"))
PLATFORM_COLUMNS = ("event_id", "ingested_at", "ingest_date", "kafka_partition", "kafka_offset")
CLEAN_COLUMNS = PIN_COLUMNS + PLATFORM_COLUMNS
REJECT_COLUMNS = ("ingested_at", "ingest_date", "kafka_topic", "kafka_partition", "kafka_offset", "original", "reason")

_POSTED_TEXTS = (*TEXT_FIELDS, "event_id")
_POSTED_SCHEMA = T.StructType(
    [T.StructField(name, T.StringType()) for name in _POSTED_TEXTS]
    + [T.StructField("index", T.LongType()), T.StructField("downloaded", T.LongType())]
)
_STRICT_JSON = {"allowSingleQuotes": "false", "allowNonNumericNumbers": "false"}
_FOLLOWER_COUNT = r"^[0-9]+(?:\.[0-9]+)?[kKmMbB]?\z"
# \p{Z} and the explicit controls, as java.util.regex knows them: what `str.isspace` calls white space.
_BLANK = r"^[\s\p{Z}\x{1c}-\x{1f}\x{85}]*\z"
# JSON can spell half of a surrogate pair, which no UTF-8 text can hold.
_LONE_SURROGATE = (
    r"(?i)(?<!\\)(?:\\\\)*(?:\\ud[89ab][0-9a-f]{2}(?!\\ud[c-f][0-9a-f]{2})"
    r"|(?<!\\ud[89ab][0-9a-f]{2})\\ud[c-f][0-9a-f]{2})"
)


def clean_records(records: DataFrame) -> DataFrame:
    """`clean_lines` of records as Kafka has them.

    Args:
        records: rows of `RECORD_SCHEMA`; `timestamp` is the ingest time.
    """
    return clean_lines(as_lines(records))


def as_lines(records: DataFrame) -> DataFrame:
    """Records as raw lines have them: `value` is text; where it is not UTF-8, it is null, and `value_base64` has it."""
    decoded = records.select(*_COORDINATES, "value", _once(F.decode("value", "UTF-8")).alias("decoded"))
    # What is not UTF-8 is decoded to the replacement character. A posted text may have that too, but few do: encoding
    # every one again costs half as much as reading its JSON.
    is_broken = F.col("decoded").contains("\ufffd") & (F.encode("decoded", "UTF-8") != F.col("value"))
    return decoded.select(
        *_COORDINATES,
        F.when(~is_broken, F.col("decoded")).alias("value"),
        F.when(is_broken, F.base64("value")).alias("value_base64"),
    )


def clean_lines(lines: DataFrame) -> DataFrame:
    """One row a record: the clean columns, `kafka_topic`, `original` text and the `reason` of a reject (else null).

    Args:
        lines: rows of `LINE_SCHEMA`, as `as_lines` makes them of records; `timestamp` is the ingest time.
    """
    parsed = lines.select(
        *_COORDINATES, "value", "value_base64", _once(_posted_values(F.col("value"))).alias("posted")
    ).withColumn("pin", F.when(F.size("posted") == 1, F.col("posted")[0]))
    return parsed.select(
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
    """One row per day and pin: the newest by time, then offset. The others are superseded: `versions` counts all."""
    of_pin = Window.partitionBy("ingest_date", "unique_id")
    newest_first = of_pin.orderBy(F.desc("ingested_at"), F.desc("kafka_offset"), F.desc("kafka_partition"))
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
    columns = {name: _present(name) for name in TEXT_FIELDS}
    columns |= {
        "index_id": F.col("pin.index"),
        "follower_count": _whole_number(_present("follower_count")),
        "downloaded": F.col("pin.downloaded").cast("int"),
    }
    return [columns[name].alias(name) for name in PIN_COLUMNS]


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
    day_number = F.floor(F.unix_millis("timestamp") / F.lit(86_400_000)).cast("int")
    derived_id = F.concat_ws("-", "topic", F.col("partition").cast("string"), F.col("offset").cast("string"))
    columns = {
        "event_id": F.coalesce(_present("event_id"), derived_id),
        "ingested_at": F.col("timestamp"),
        "ingest_date": F.date_from_unix_date(day_number),
        "kafka_partition": F.col("partition"),
        "kafka_offset": F.col("offset"),
    }
    return [columns[name].alias(name) for name in PLATFORM_COLUMNS]


def _reject_reason() -> Column:
    """The first rule that the record breaks, in words; null for a pin."""
    text = F.col("value")
    return F.coalesce(
        # Not by the length, for which every character is counted: that was a sixth of all cleaning.
        _when(text.isNull() & F.col("value_base64").isNull() | (text == ""), "the record has no value"),
        _when(F.col("value_base64").isNotNull(), "the value is not UTF-8 text"),
        _when(~_is_one_json_object(text), "the value is not a JSON object"),
        F.when(text.contains(r"\u"), _unstorable_text(text)),
        _when(_present("unique_id").isNull(), "unique_id is missing"),
        _when(_present("category").isNull(), "category is missing"),
        _when(F.col("pin.index").isNull() & _has(text, "index"), "index is not a whole number of 64 bits"),
        _when(F.col("pin.index").isNull(), "index is missing"),
        _when(F.col("pin.downloaded").isNull() & _has(text, "downloaded"), "downloaded is not 0 or 1"),
        _when(~F.col("pin.downloaded").isin(0, 1), "downloaded is not 0 or 1"),
        _nested_field(text),
    )


def _when(condition: Column, reason: str) -> Column:
    return F.when(condition, F.lit(reason))


def _unstorable_text(text: Column) -> Column:
    """The reason of a pin with a text that only an escape can spell, and that some store cannot hold."""
    return F.coalesce(
        _when(_any_field_contains("\0"), "a text contains the NUL character"),
        _when(text.rlike(_LONE_SURROGATE), "a text contains half of a surrogate pair"),
    )


def _is_one_json_object(text: Column) -> Column:
    is_one_value = (F.size("posted") == 1) & (~text.contains("]") | _is_json_between_braces(text))
    return F.coalesce(is_one_value & (text.startswith("{") | text.rlike(r"^\s*\{")), F.lit(False))


def _is_json_between_braces(text: Column) -> Column:
    # A text that closes the brackets around it looks whole between them; it does not between braces.
    return F.get_json_object(F.concat(F.lit('{"value":'), text, F.lit("}")), "$.value").isNotNull()


def _any_field_contains(character: str) -> Column:
    return F.concat_ws("", *(f"pin.{name}" for name in _POSTED_TEXTS)).contains(character)


def _nested_field(text: Column) -> Column:
    """The reason of a pin with an object or an array in place of a text, which from_json hands out as its JSON."""
    looks_nested = [F.col(f"pin.{name}").startswith(bracket) for name in _POSTED_TEXTS for bracket in "[{"]
    # Read again as arrays and as maps, only where a text begins like one. A transform of an array of one is Spark's way
    # of giving a value a name: written out, it would be read again for every field.
    shapes = F.struct(_every_field_as(text, "array<string>"), _every_field_as(text, "map<string,string>"))
    return F.when(reduce(or_, looks_nested), F.transform(F.array(shapes), _first_nested)[0])


def _every_field_as(text: Column, kind: str) -> Column:
    return F.from_json(text, ", ".join(f"{name} {kind}" for name in _POSTED_TEXTS)).alias(kind)


def _first_nested(shapes: Column) -> Column:
    is_nested = {
        name: shapes["array<string>"][name].isNotNull() | shapes["map<string,string>"][name].isNotNull()
        for name in _POSTED_TEXTS
    }
    return F.coalesce(*(F.when(nested, F.lit(f"{name} is not text")) for name, nested in is_nested.items()))


def _has(text: Column, field: str) -> Column:
    return F.get_json_object(text, f"$.{field}").isNotNull()
