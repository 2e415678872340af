"""Writes Parquet of several days with one Spark write.

A Spark write costs a second regardless of its size, and S3A's committer allows one write at a time below a folder. So
rows are first written to a folder of their own below `writes/`, and S3 copies each file to its day. Folders left by
killed writes are deleted after a day.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from typing import TypeVar

from pyspark.sql import Column, DataFrame

from pinterest_platform.stores.s3 import ObjectStore
from pinterest_platform.stores.spark import s3a_url

_FOLDERS = "writes/"
_ABANDONED_SECONDS = 24 * 3600
# A file costs S3A's committer a dozen requests, so a small day is one file.
RECORDS_A_FILE = 100_000
_DAY = "dt"


def write_days(
    rows: DataFrame, bucket: ObjectStore, folder_of: Callable[[date], str], *spread: Column
) -> dict[date, list[str]]:
    """Add the rows to their days' folders, by `ingest_date`; returns the keys of the new files by day.

    A day without rows has no entry. One task writes a day, or one per value of `spread`.
    """
    _delete_abandoned(bucket)
    own = f"{_FOLDERS}{int(time.time()):010}-{uuid.uuid4()}/"
    by_day = rows.withColumn(_DAY, rows["ingest_date"]).repartition(_DAY, *spread)
    by_day.write.partitionBy(_DAY).option("maxRecordsPerFile", RECORDS_A_FILE).parquet(s3a_url(bucket, own))
    left = [stored.key for stored in bucket.list(own)]
    files: dict[date, list[str]] = {}
    for key in left:
        folder, _, name = key.removeprefix(own).partition("/")
        if name.endswith(".parquet"):
            day = date.fromisoformat(folder.removeprefix(f"{_DAY}="))
            bucket.copy(key, folder_of(day) + name)
            files.setdefault(day, []).append(folder_of(day) + name)
    bucket.delete(left)
    return files


def _delete_abandoned(bucket: ObjectStore) -> None:
    # Names begin with the write's start in seconds, so older ones sort first.
    oldest_kept = f"{_FOLDERS}{int(time.time()) - _ABANDONED_SECONDS:010}"
    bucket.delete([stored.key for stored in bucket.list(_FOLDERS) if stored.key < oldest_kept])


Day = TypeVar("Day")


def small_days_together(days: Iterable[Day], size: Callable[[Day], int], most: int) -> Iterator[list[Day]]:
    """Groups of consecutive days with at most `most` in total; a larger day is a group of its own."""
    together: list[Day] = []
    reached = 0
    for day in days:
        of_day = size(day)
        if together and reached + of_day > most:
            yield together
            together, reached = [], 0
        together.append(day)
        reached += of_day
    if together:
        yield together
