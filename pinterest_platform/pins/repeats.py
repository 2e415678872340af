"""Repeats: events posted again with the same fields within seven days, found with Spark among cleaned records.

An event counts once, in its earliest record, also across midnight. The same `event_id` with other fields is another
event. A repeat of a repeat is a repeat too. So a day's repeats depend only on its records and those of the seven days
before. The stream has the same rule in SQL (`stream.event_identity`). No Python runs per row.
"""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql import types as T  # noqa: N812

from pinterest_platform.pins.calendar import REPEAT_DAYS
from pinterest_platform.pins.cleaning import CLEAN_COLUMNS
from pinterest_platform.pins.fields import ADDED_FIELDS, FIRST_FIELDS
from pinterest_platform.pins.order import ORDER

# What is stored of a record with a posted event id. `event` and `content` are 64-bit digests of the id and the fields.
EVENT_SCHEMA = T.StructType(
    [
        T.StructField("unique_id", T.StringType()),
        T.StructField("event", T.LongType()),
        T.StructField("content", T.LongType()),
        T.StructField("ingested_at", T.TimestampType()),
        T.StructField("ingest_date", T.DateType()),
        T.StructField("kafka_partition", T.IntegerType()),
        T.StructField("kafka_offset", T.LongType()),
    ]
)
EVENT_COLUMNS = tuple(EVENT_SCHEMA.names)


def accepted_events(cleaned: DataFrame) -> DataFrame:
    """The clean pins among `clean_lines`, with the digests `event` and `content`; null if the event id is derived.

    A derived id contains the record's own coordinates, so no other record can have it.
    """
    partition, offset = F.col("kafka_partition").cast("string"), F.col("kafka_offset").cast("string")
    has_own_id = F.col("event_id") != F.concat_ws("-", "kafka_topic", partition, offset)
    # xxhash64 passes over nulls; no field is this character. What is remembered of a record that lacks a later field
    # stays as it was before there was that field.
    fields = [F.coalesce(F.col(each.name).cast("string"), F.lit("\x01")) for each in FIRST_FIELDS]
    fields += [F.concat(F.lit(f"{each.name}\x01"), F.col(each.name).cast("string")) for each in ADDED_FIELDS]
    return cleaned.where(F.col("reason").isNull()).select(
        *CLEAN_COLUMNS,
        F.when(has_own_id, F.xxhash64("event_id")).alias("event"),
        F.when(has_own_id, F.xxhash64(*fields)).alias("content"),
    )


def mark_repeats(events: DataFrame) -> DataFrame:
    """Add `is_repeat`: whether an earlier row, at most seven days before, has the same event and content.

    Args:
        events: rows with `EVENT_COLUMNS`, including those of the seven days before.
    """
    # Partitioned by pin, so that finding each pin's newest version does not move the rows again.
    same = Window.partitionBy("unique_id", "event", "content")
    day_before = F.lag("ingest_date").over(same.orderBy(*ORDER))
    is_near = F.coalesce(F.datediff("ingest_date", day_before) <= REPEAT_DAYS, F.lit(False))
    return events.repartition("unique_id").withColumn("is_repeat", F.col("event").isNotNull() & is_near)
