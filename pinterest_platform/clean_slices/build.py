"""Builds clean slices with Spark: raw objects in; Parquet of clean pins, quarantined records and event ids out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame, Observation, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from pinterest_platform.clean_slices.days_write import RECORDS_A_FILE, small_days_together, write_days
from pinterest_platform.clean_slices.event_ids import DayEvents, days_before, replace_event_ids, request_days_after
from pinterest_platform.clean_slices.manifest import (
    CleaningCounts,
    SliceWriter,
    clean_files,
    clean_prefix,
    quarantine_prefix,
)
from pinterest_platform.landing.pieces import CHUNK_OFFSETS
from pinterest_platform.landing.raw_objects import RawObject, landed_objects
from pinterest_platform.landing.rerun_requests import rerun_requests_of
from pinterest_platform.pins.calendar import MISDATED_DAY
from pinterest_platform.pins.cleaning import (
    CLEAN_COLUMNS,
    CLEAN_SCHEMA,
    LINE_SCHEMA,
    clean_lines,
    landed_as_misdated,
    newest_per_pin,
    rejected,
)
from pinterest_platform.pins.repeats import EVENT_SCHEMA, accepted_events, mark_repeats
from pinterest_platform.stores.parquet import NoParquetError
from pinterest_platform.stores.s3 import ObjectStore
from pinterest_platform.stores.spark import s3a_url

# Days are cleaned together up to this many records. They fit into the memory and disk of a small driver.
_RECORDS_TOGETHER = 500_000
# Of a raw object, which is compressed. Larger records count as several, since they fill the memory sooner.
_BYTES_A_RECORD = 512
# Threads; each mostly waits for S3.
_PUBLISHED_AT_ONCE = 4
_LONGEST_STRING = 2**31 - 1  # characters


@dataclass(frozen=True)
class _Day:
    """A day's state before it is read. What arrives later is left to its next cleaning."""

    day: date
    writer: SliceWriter
    rerun_requests: list[str]
    events: DayEvents
    raw_objects: list[RawObject]

    @classmethod
    def begin(cls, bucket: ObjectStore, day: date) -> _Day:
        # Requests before raw objects: a request that arrives after its listing stays, so the day is cleaned again.
        writer, rerun_requests = SliceWriter(bucket, day), rerun_requests_of(bucket, day)
        return cls(day, writer, rerun_requests, DayEvents.of(bucket, day), list(landed_objects(bucket, day)))

    @property
    def records(self) -> int:
        return sum(stored.records for stored in self.raw_objects)

    @property
    def usual_records(self) -> int:
        """How many records of the usual size the day is as large as."""
        return max(self.records, sum(stored.size for stored in self.raw_objects) // _BYTES_A_RECORD)


@dataclass(frozen=True)
class _CleanFiles:
    """A day's new clean files before they are published: `rows` pins, made of `versions` records."""

    begun: _Day
    files: Sequence[str]
    rows: int
    versions: int


@dataclass(frozen=True)
class _Counts:
    """Counts of the days that are cleaned together.

    `repeated` has the repeats by day, `events` a digest of the raw objects behind each day's event ids.
    """

    repeated: Mapping[date, int]
    events: Mapping[date, str]

    def events_before(self, day: date) -> dict[str, str]:
        """The digests of the days before this one, by ISO date, for days with events."""
        before = (str(each) for each in days_before([day]) if self.events.get(each))
        return {each: self.events[date.fromisoformat(each)] for each in before}


def replace_clean_slices(spark: SparkSession, bucket: ObjectStore, days: Iterable[date]) -> Iterator[CleaningCounts]:
    """Clean each day's raw objects and replace its clean and quarantined Parquet; yields the outcomes in day order.

    Small days are cleaned together, since a Spark job costs a second regardless of its size.
    """
    begun = (_Day.begin(bucket, day) for day in days)
    for together in small_days_together(begun, lambda day: day.usual_records, _RECORDS_TOGETHER):
        yield from _replace_together(spark, bucket, together)


def replace_misdated_slice(spark: SparkSession, bucket: ObjectStore, first_day: date) -> CleaningCounts:
    """`replace_clean_slices` for the records that were landed as misdated. All of them are quarantined.

    Args:
        spark: the session.
        bucket: has the raw objects.
        first_day: the first daily partition.
    """
    day = _Day.begin(bucket, MISDATED_DAY)
    [outcome] = _replace_together(spark, bucket, [day], landed_as_misdated(F.col("timestamp"), first_day))
    return outcome


def _replace_together(
    spark: SparkSession, bucket: ObjectStore, days: Sequence[_Day], misdated: Column | None = None
) -> Iterator[CleaningCounts]:
    before = _days_before(bucket, days)
    stale = [key for each in before if not each.is_fresh for key in each.raw_keys]
    is_small = sum(each.usual_records for each in days) + CHUNK_OFFSETS * len(stale) <= _RECORDS_TOGETHER
    cleaned = _clean(spark, bucket, days, stale, misdated)
    if is_small:
        cleaned = cleaned.localCheckpoint()  # keeping the rows is cheaper than planning the cleaning again
    with _kept(_events(spark, bucket, cleaned, before), is_small=is_small) as events:
        replace_event_ids(events, bucket, [each.events for each in days] + before)
        request_days_after(events, bucket, {each.day: each.events.made_of for each in days})
        made_of = {each.day: each.made_of for each in [*before, *(each.events for each in days)]}
        counts = _Counts(_repeats_by_day(events), made_of)
        yield from _replace_slices(bucket, days, cleaned, events.where(~F.col("is_repeat")), counts)


def _days_before(bucket: ObjectStore, days: Sequence[_Day]) -> list[DayEvents]:
    """The event ids of the days before, whose events these days may repeat. The misdated day has none."""
    dated = [each.day for each in days if each.day != MISDATED_DAY]
    with ThreadPoolExecutor(_PUBLISHED_AT_ONCE) as readers:
        return list(readers.map(lambda day: DayEvents.of(bucket, day), days_before(dated)))


def _replace_slices(
    bucket: ObjectStore, days: Sequence[_Day], cleaned: DataFrame, pins: DataFrame, counts: _Counts
) -> Iterator[CleaningCounts]:
    is_of_days = F.col("ingest_date").isin([each.day for each in days])
    newest = newest_per_pin(pins.where(is_of_days))
    written = _write_together(newest, bucket, days) if len(days) > 1 else [_write_alone(newest, bucket, days[0])]
    # The few rejects of a large day are computed again, since keeping them would mean keeping all of its records. If as
    # many records arrived meanwhile as were rejected, both sums are equal; the next cleaning then writes the rejects.
    accepted = sum(clean.versions + counts.repeated.get(clean.begun.day, 0) for clean in written)
    are_rejects = accepted != sum(each.records for each in days)
    rejects = rejected(cleaned.where(is_of_days)).localCheckpoint() if are_rejects else None
    reasons = _reasons_by_day(rejects) if rejects else {}
    quarantine = write_days(rejects, bucket, quarantine_prefix) if rejects else {}
    with ThreadPoolExecutor(_PUBLISHED_AT_ONCE) as publishers:
        yield from publishers.map(
            lambda clean: _publish(
                bucket, clean, quarantine.get(clean.begun.day, []), reasons.get(clean.begun.day, {}), counts
            ),
            written,
        )


@contextmanager
def _kept(rows: DataFrame, *, is_small: bool) -> Iterator[DataFrame]:
    """Compute the rows once. Rows of a large day are kept on the executors' disks, which the shuffle used too."""
    kept = rows.localCheckpoint() if is_small else rows.persist(StorageLevel.DISK_ONLY)
    try:
        yield kept
    finally:
        kept.unpersist()


def _events(spark: SparkSession, bucket: ObjectStore, cleaned: DataFrame, before: Sequence[DayEvents]) -> DataFrame:
    """The accepted records with repeats marked.

    They are compared with each other and with the event ids of the days before. If a day's event ids are stale, its
    records are among `cleaned` instead.
    """
    read = accepted_events(cleaned).withColumn("is_known", F.lit(False))
    known = [key for each in before if each.is_fresh for key in each.files]
    if known:
        rows = spark.read.schema(EVENT_SCHEMA).parquet(*(s3a_url(bucket, key) for key in known))
        read = read.unionByName(rows.withColumn("is_known", F.lit(True)), allowMissingColumns=True)
    return mark_repeats(read).where(~F.col("is_known")).drop("is_known")


def _repeats_by_day(events: DataFrame) -> dict[date, int]:
    return dict(events.where("is_repeat").groupBy("ingest_date").count().collect())


def _clean(
    spark: SparkSession, bucket: ObjectStore, days: Sequence[_Day], more: Sequence[str], misdated: Column | None
) -> DataFrame:
    """The cleaned records of the days and of `more` raw objects. Landing has already judged their timestamps."""
    lines = read_raw(spark, bucket, [*(stored.key for each in days for stored in each.raw_objects), *more])
    return clean_lines(lines, misdated)


def _reasons_by_day(rejects: DataFrame) -> dict[date, dict[str, int]]:
    reasons: dict[date, dict[str, int]] = {}
    for day, reason, count in rejects.groupBy("ingest_date", "reason").count().collect():
        reasons.setdefault(day, {})[reason] = count
    return reasons


def _write_together(newest: DataFrame, bucket: ObjectStore, days: Sequence[_Day]) -> list[_CleanFiles]:
    newest = newest.localCheckpoint()  # used twice below; without it Spark would clean twice
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
    """Write one day. It gets at least one file, which has the schema even without rows."""
    counted = Observation("written")
    of_day = newest.where(F.col("ingest_date") == F.lit(begun.day))
    of_day = of_day.observe(counted, F.count("*").alias("rows"), F.sum("versions").alias("versions"))
    rows = of_day.select(*CLEAN_COLUMNS).coalesce(1 + begun.records // RECORDS_A_FILE)
    rows.write.mode("append").parquet(s3a_url(bucket, clean_prefix(begun.day)))
    files = begun.writer.files_of_last_write(clean_prefix(begun.day))
    return _CleanFiles(begun, files, counted.get["rows"], counted.get["versions"] or 0)


def _publish(
    bucket: ObjectStore, clean: _CleanFiles, quarantine: Sequence[str], reasons: Mapping[str, int], counts: _Counts
) -> CleaningCounts:
    """Replace the day's old files with the new ones."""
    begun, quarantined = clean.begun, sum(reasons.values())
    repeated = counts.repeated.get(begun.day, 0)
    outcome = CleaningCounts(
        day=begun.day,
        raw=clean.versions + repeated + quarantined,
        clean=clean.rows,
        superseded=clean.versions - clean.rows,
        quarantined=quarantined,
        reasons=reasons,
        next_offsets=_next_offsets(begun.raw_objects),
        repeated=repeated,
        events_before=counts.events_before(begun.day),
    )
    begun.writer.publish(outcome, clean.files, quarantine, begun.rerun_requests)
    return outcome


def _next_offsets(raw_objects: Sequence[RawObject]) -> dict[int, int]:
    ends: dict[int, int] = {}
    for stored in raw_objects:
        ends[stored.partition] = max(ends.get(stored.partition, 0), stored.last_offset + 1)
    return ends


def read_clean(spark: SparkSession, bucket: ObjectStore, days: Iterable[date]) -> DataFrame:
    """The clean pins of these days (`CLEAN_SCHEMA`). A field is null in files older than the field.

    Raises:
        NoParquetError: none of the days was ever cleaned.
    """
    files = [s3a_url(bucket, key) for day in days for key in clean_files(bucket, day)]
    if not files:
        raise NoParquetError("There are no Parquet files: the days were never cleaned. Materialise clean_pins of them.")
    return spark.read.schema(CLEAN_SCHEMA).parquet(*files)


def read_raw(spark: SparkSession, bucket: ObjectStore, keys: Sequence[str]) -> DataFrame:
    """The records in these raw objects, as rows of `LINE_SCHEMA`."""
    if not keys:
        return spark.createDataFrame([], LINE_SCHEMA)
    # Spark's default is 20 million characters. A line is as long as Kafka let its record be.
    lines = spark.read.schema(LINE_SCHEMA).option("maxStringLen", _LONGEST_STRING)
    return lines.json([s3a_url(bucket, key) for key in keys], mode="FAILFAST")
