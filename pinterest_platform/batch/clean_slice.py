"""The clean slices of days: raw objects in, Parquet of clean pins and of quarantined records out.

Belongs here: which objects are read and written, and how many rows went where. Does not belong here: the rules
(`pins.cleaning`) and which files count (`batch.slice_files`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date

from pyspark.sql import DataFrame, Observation, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from pinterest_platform.batch.days_together import small_days_together
from pinterest_platform.batch.days_write import RECORDS_A_FILE, write_days
from pinterest_platform.batch.grown_days import marks_of
from pinterest_platform.batch.raw_objects import RawObject, landed_objects
from pinterest_platform.batch.slice_files import CleanSlice, SliceWriter, clean_files, clean_prefix, quarantine_prefix
from pinterest_platform.pins.cleaning import (
    CLEAN_COLUMNS,
    LINE_SCHEMA,
    accepted,
    clean_lines,
    newest_per_pin,
    rejected,
)
from pinterest_platform.pins.days import MISDATED_DAY
from pinterest_platform.stores.s3 import ObjectStore
from pinterest_platform.stores.spark import s3a_url

# The clean rows of so many fit into a small driver's memory and disk.
_RECORDS_TOGETHER = 500_000
# Who publishes a day waits for S3.
_PUBLISHED_AT_ONCE = 4


@dataclass(frozen=True)
class _Day:
    """A day as it stands before it is read: what comes later is for its next cleaning."""

    day: date
    writer: SliceWriter
    marks: list[str]
    raw_objects: list[RawObject]

    @classmethod
    def begin(cls, bucket: ObjectStore, day: date) -> _Day:
        writer, marks = SliceWriter(bucket, day), marks_of(bucket, day)
        return cls(day, writer, marks, list(landed_objects(bucket, day)))

    @property
    def records(self) -> int:
        return sum(stored.records for stored in self.raw_objects)


@dataclass(frozen=True)
class _CleanFiles:
    """A day's new clean files, before anybody reads them: `rows` pins, which came in so many `versions`."""

    begun: _Day
    files: Sequence[str]
    rows: int
    versions: int


def replace_clean_slice(spark: SparkSession, bucket: ObjectStore, day: date) -> CleanSlice:
    """`replace_clean_slices` for one day."""
    [outcome] = replace_clean_slices(spark, bucket, [day])
    return outcome


def replace_clean_slices(spark: SparkSession, bucket: ObjectStore, days: Iterable[date]) -> Iterator[CleanSlice]:
    """Clean each day's raw objects and replace its clean and quarantined Parquet; outcomes in the order of the days.

    Small days are cleaned together, since a Spark job costs a second whatever its size.
    """
    begun = (_Day.begin(bucket, day) for day in days)
    for together in small_days_together(begun, lambda day: day.records, _RECORDS_TOGETHER):
        yield from _replace_together(spark, bucket, together)


def _replace_together(spark: SparkSession, bucket: ObjectStore, days: Sequence[_Day]) -> Iterator[CleanSlice]:
    cleaned = _clean(spark, bucket, days)
    newest = newest_per_pin(accepted(cleaned))
    written = _write_together(newest, bucket, days) if len(days) > 1 else [_write_alone(newest, bucket, days[0])]
    # The few rejects are worked out a second time: keeping them from the first would mean caching all records. If new
    # records have come since the days were begun, and just as many, the rejects are left to the cleaning of those.
    are_rejects = sum(clean.versions for clean in written) != sum(each.records for each in days)
    rejects = rejected(cleaned).localCheckpoint() if are_rejects else None
    reasons = _reasons_by_day(rejects) if rejects else {}
    quarantine = write_days(rejects, bucket, quarantine_prefix) if rejects else {}
    with ThreadPoolExecutor(_PUBLISHED_AT_ONCE) as publishers:
        yield from publishers.map(
            lambda clean: _publish(
                bucket, clean, quarantine.get(clean.begun.day, []), reasons.get(clean.begun.day, {})
            ),
            written,
        )


def _clean(spark: SparkSession, bucket: ObjectStore, days: Sequence[_Day]) -> DataFrame:
    lines = read_raw(spark, bucket, [stored.key for each in days for stored in each.raw_objects])
    # A timestamp was judged when its record was landed.
    return clean_lines(lines, F.lit(all(each.day == MISDATED_DAY for each in days)))


def _reasons_by_day(rejects: DataFrame) -> dict[date, dict[str, int]]:
    reasons: dict[date, dict[str, int]] = {}
    for day, reason, count in rejects.groupBy("ingest_date", "reason").count().collect():
        reasons.setdefault(day, {})[reason] = count
    return reasons


def _write_together(newest: DataFrame, bucket: ObjectStore, days: Sequence[_Day]) -> list[_CleanFiles]:
    newest = newest.localCheckpoint()  # counted and written: Spark would clean twice
    by_day = newest.groupBy("ingest_date").agg(F.count("*"), F.sum("versions")).collect()
    counts = {day: (rows, versions) for day, rows, versions in by_day}
    files = write_days(newest.select(*CLEAN_COLUMNS), bucket, clean_prefix)
    return [
        _CleanFiles(each, files[each.day], *counts[each.day])
        if each.day in files
        else _write_alone(newest, bucket, each)
        for each in days
    ]


def _write_alone(newest: DataFrame, bucket: ObjectStore, begun: _Day) -> _CleanFiles:
    """One file at least, which has a schema where it has no rows."""
    counted = Observation("written")
    of_day = newest.where(F.col("ingest_date") == F.lit(begun.day))
    of_day = of_day.observe(counted, F.count("*").alias("rows"), F.sum("versions").alias("versions"))
    rows = of_day.select(*CLEAN_COLUMNS).coalesce(1 + begun.records // RECORDS_A_FILE)
    rows.write.mode("append").parquet(s3a_url(bucket, clean_prefix(begun.day)))
    files = begun.writer.files_of_last_write(clean_prefix(begun.day))
    return _CleanFiles(begun, files, counted.get["rows"], counted.get["versions"] or 0)


def _publish(
    bucket: ObjectStore, clean: _CleanFiles, quarantine: Sequence[str], reasons: Mapping[str, int]
) -> CleanSlice:
    """Put the day's new files in the place of the old ones."""
    begun, quarantined = clean.begun, sum(reasons.values())
    outcome = CleanSlice(
        day=begun.day,
        raw=clean.versions + quarantined,
        clean=clean.rows,
        superseded=clean.versions - clean.rows,
        quarantined=quarantined,
        reasons=reasons,
        next_offsets=_next_offsets(begun.raw_objects),
    )
    begun.writer.publish(outcome, clean.files, quarantine, begun.marks)
    return outcome


def _next_offsets(raw_objects: Sequence[RawObject]) -> dict[int, int]:
    ends: dict[int, int] = {}
    for stored in raw_objects:
        ends[stored.partition] = max(ends.get(stored.partition, 0), stored.last_offset + 1)
    return ends


def read_clean(spark: SparkSession, bucket: ObjectStore, days: Iterable[date]) -> DataFrame:
    """The clean pins of these days."""
    return spark.read.parquet(*(s3a_url(bucket, key) for day in days for key in clean_files(bucket, day)))


def read_raw(spark: SparkSession, bucket: ObjectStore, keys: Sequence[str]) -> DataFrame:
    """The records in raw objects, in the shape that `as_lines` gives those of the Kafka source."""
    if not keys:
        return spark.createDataFrame([], LINE_SCHEMA)
    return spark.read.schema(LINE_SCHEMA).json([s3a_url(bucket, key) for key in keys], mode="FAILFAST")
