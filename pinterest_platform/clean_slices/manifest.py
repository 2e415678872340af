"""Manifests: which Parquet files make up a day's clean slice, so that it can be replaced while being read.

S3 cannot exchange several files at once. So a cleaning adds its files, then a manifest that names them, and then
deletes the old files. Readers take the files of the newest manifest: the old slice until the new one is complete, never
none and never both. No manifest names the files of a killed cleaning; the next cleaning deletes them.

A manifest is `clean/dt=…/_<time>+<write>.json`. `<write>` is in the names of all files of one Spark write, so one
listing is enough to find the files of a whole year.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

from pinterest_platform.stores.s3 import ObjectStore

_CLEAN, _QUARANTINE = "clean/", "quarantine/"
_UUID_LENGTH = 36


@dataclass(frozen=True)
class CleaningCounts:
    """The counts of a day's cleaning.

    `superseded` counts older versions of pins posted again that day. `repeated` counts events that an earlier record
    has already, on that day or in the seven days before. `reasons` counts quarantined records by reason.
    `next_offsets` is the offset after the last raw record read, per partition. `events_before` has the digest of the
    event ids of each of the seven days before, at the time of the cleaning, by ISO date.
    """

    day: date
    raw: int
    clean: int
    superseded: int
    quarantined: int
    reasons: Mapping[str, int]
    next_offsets: Mapping[int, int]
    repeated: int = 0
    events_before: Mapping[str, str] = field(default_factory=dict)


def clean_prefix(day: date) -> str:
    return f"{_CLEAN}dt={day:%Y-%m-%d}/"


def quarantine_prefix(day: date) -> str:
    return f"{_QUARANTINE}dt={day:%Y-%m-%d}/"


def clean_files(bucket: ObjectStore, day: date) -> list[str]:
    """The keys of the day's clean Parquet files; empty if the day was never cleaned."""
    return current_files(bucket, clean_prefix(day))


def clean_files_of_year(bucket: ObjectStore, year: int) -> list[str]:
    """The keys of the clean Parquet files of every day of the year, from one listing."""
    return current_files(bucket, f"{_CLEAN}dt={year}-")


def quarantine_files(bucket: ObjectStore, day: date) -> list[str]:
    """The keys of the day's quarantine Parquet files; empty if nothing was quarantined."""
    manifest = _read_manifest(bucket, day)
    return manifest["quarantine_files"] if manifest else []


def newest_manifest(bucket: ObjectStore, day: date) -> str | None:
    """The key of the day's newest manifest; None if the day was never cleaned."""
    manifests = [key for key in keys_below(bucket, clean_prefix(day)) if key.endswith(".json")]
    return manifests[-1] if manifests else None


def settled_requests(bucket: ObjectStore, manifest: str) -> list[str]:
    """The keys of the rerun requests that this cleaning had listed before the raw objects."""
    rerun_requests: list[str] = json.loads(bucket.get(manifest)).get(
        "marks", []
    )  # manifests of earlier versions lack them
    return rerun_requests


def read_manifest(bucket: ObjectStore, day: date) -> CleaningCounts | None:
    """What the last cleaning of the day counted; None if the day was never cleaned."""
    manifest = _read_manifest(bucket, day)
    if manifest is None:
        return None
    next_offsets = {int(partition): offset for partition, offset in manifest["account"]["next_offsets"].items()}
    return CleaningCounts(**manifest["account"] | {"day": day, "next_offsets": next_offsets})


class SliceWriter:
    """Replaces the slice of a day: create it before reading, write the files, then `publish` them."""

    def __init__(self, bucket: ObjectStore, day: date, clock: Callable[[], float] = time.time) -> None:
        self._bucket = bucket
        self._day = day
        self._began = f"{int(clock() * 1_000_000):016}"
        self._found = [*keys_below(bucket, clean_prefix(day)), *keys_below(bucket, quarantine_prefix(day))]

    def files_of_last_write(self, prefix: str) -> list[str]:
        """The keys of the files that Spark has just written below the prefix."""
        # The summary of S3A's committer names at most a hundred files, so the write is found by its UUID.
        # https://hadoop.apache.org/docs/r3.3.4/hadoop-aws/tools/hadoop-aws/committers.html
        summary = json.loads(self._bucket.get(f"{prefix}_SUCCESS"))
        write = write_of(summary["filenames"][0])
        return [key for key in keys_below(self._bucket, prefix) if key.endswith(".parquet") and write_of(key) == write]

    def publish(
        self,
        outcome: CleaningCounts,
        clean: Sequence[str],
        quarantine: Sequence[str],
        rerun_requests: Sequence[str] = (),
    ) -> None:
        """Make these files the day's slice, and delete the previous ones.

        `rerun_requests` were listed before the day was read. The manifest keeps them until the end of the day's run.
        """
        account = {name: value for name, value in asdict(outcome).items() if name != "day"}
        manifest = {"account": account, "quarantine_files": list(quarantine), "marks": list(rerun_requests)}
        # Spark, Presto and Hive ignore names that begin with an underscore.
        key = f"{clean_prefix(self._day)}_{self._began}+{write_of(clean[0])}.json"
        self._bucket.put(key, json.dumps(manifest).encode(), {})
        self._bucket.delete(key for key in self._found if not key.endswith("/_SUCCESS"))


def _read_manifest(bucket: ObjectStore, day: date) -> dict[str, Any] | None:
    return read_newest_manifest(bucket, list(keys_below(bucket, clean_prefix(day))))


def read_newest_manifest(bucket: ObjectStore, keys: Sequence[str]) -> dict[str, Any] | None:
    """The content of the newest manifest among the keys of a folder; None if there is none."""
    manifests = [key for key in keys if key.endswith(".json")]
    manifest: dict[str, Any] | None = json.loads(bucket.get(manifests[-1])) if manifests else None
    return manifest


def current_files(bucket: ObjectStore, prefix: str) -> list[str]:
    """The keys of the Parquet files below the prefix that the newest manifest of their folder names."""
    return current_among(list(keys_below(bucket, prefix)))


def current_among(keys: Sequence[str]) -> list[str]:
    """The Parquet files among the sorted keys that the newest manifest of their folder names."""
    # Keys are sorted, so the last manifest of a folder is the newest.
    writes = {_folder(key): key.partition("+")[2].removesuffix(".json") for key in keys if key.endswith(".json")}
    return [key for key in keys if key.endswith(".parquet") and write_of(key) == writes.get(_folder(key))]


def keys_below(bucket: ObjectStore, prefix: str) -> Iterator[str]:
    """The keys below the prefix, sorted."""
    return (stored.key for stored in bucket.list(prefix))


def _folder(key: str) -> str:
    return key.rpartition("/")[0]


def write_of(key: str) -> str:
    """The UUID in the names of all files of one Spark write: `part-00000-<UUID>-c000.snappy.parquet`."""
    return key.rpartition("/")[2].split("-", 2)[2][:_UUID_LENGTH]
