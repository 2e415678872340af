"""Repeats: events that were posted again, with the same fields, within seven days.

Belongs here: Spark expressions that find them among cleaned records. An event counts once, in its earliest record,
also across midnight; the same `event_id` with other fields is another event. A repeat of a repeat is one too, so that
a day's repeats follow from its records and those of the seven days before, whatever was made of these. The stream says
the same in SQL (`stream.event_identity`). No Python runs per row.
"""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql import types as T  # noqa: N812

from pinterest_platform.pins.calendar import REPEAT_DAYS
from pinterest_platform.pins.cleaning import CLEAN_COLUMNS
from pinterest_platform.pins.fields import ADDED_FIELDS, FIRST_FIELDS
from pinterest_platform.pins.order import ORDER

# What is remembered of a record that was posted with an event id: digests of 64 bits stand for the id and the fields.
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
    """The clean pins among `clean_lines`, with the digests `event` and `content`: null where the event id is derived.

    A derived id is made of the record's own coordinates, so that no other record can have it.
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
    """The rows with `is_repeat`: whether one before has the same event and content, at most seven days earlier.

    Args:
        events: rows with `EVENT_COLUMNS`. Those of the seven days before must be among them.
    """
    # By pin: that serves to find the newest version of each as well, without moving the rows again.
    same = Window.partitionBy("unique_id", "event", "content")
    day_before = F.lag("ingest_date").over(same.orderBy(*ORDER))
    is_near = F.coalesce(F.datediff("ingest_date", day_before) <= REPEAT_DAYS, F.lit(False))
    return events.repartition("unique_id").withColumn("is_repeat", F.col("event").isNotNull() & is_near)
