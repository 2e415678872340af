"""Compares a closed day in both layers as SQL users see it: Cassandra's slice and the stream's view.

Presto does the comparison (`infra/presto/queries/pins_that_differ_between_the_layers.sql`). It reads only the days' own
Cassandra partitions. `reconciliation.row_parity` compares the clean slice in S3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from pinterest_platform.clean_slices.days_write import small_days_together
from pinterest_platform.clean_slices.manifest import CleaningCounts, read_manifest
from pinterest_platform.landing.raw_objects import landed_objects
from pinterest_platform.reconciliation.day_offsets import stream_progress
from pinterest_platform.settings import Settings
from pinterest_platform.stores.parquet import NoParquetError
from pinterest_platform.stores.postgres import Connection
from pinterest_platform.stores.presto import ask
from pinterest_platform.stores.s3 import ObjectStore, open_bucket
from pinterest_platform.stores.saved_queries import saved_query
from pinterest_platform.stream.progress import first_offsets

NAMED = 5
_DIFFERENCES = "pins_that_differ_between_the_layers"
# A query costs Presto a second regardless of its size; digests of this many rows fit into its memory.
_ROWS_TOGETHER = 250_000
_CATEGORIES = """
    SELECT DISTINCT category FROM cassandra.{keyspace}.pinterest_batch_categories WHERE ingest_date IN ({days})
    ORDER BY category"""
_NO_CATEGORY = ""  # a list in SQL needs at least one member


@dataclass(frozen=True)
class LayerParity:
    """How many rows have no equal in the other layer, and some of them as (layer, unique_id, partition, offset)."""

    different: int
    examples: Sequence[tuple[str, str, int, int]]


def is_in_both_layers(bucket: ObjectStore, stream: Connection, topic: str, day: date) -> bool:
    """Whether the stream has read all records that the batch has of the day, and still keeps them.

    Raises:
        NoParquetError: the day was never cleaned.
    """
    cleaned, progress = _cleaned(bucket, day), stream_progress(stream, topic, day)
    if progress is None:
        return False
    began = first_offsets(stream, topic)
    if any(began.values()) and _began_within(bucket, day, began):
        return False
    return all(progress.get(partition, 0) >= following for partition, following in cleaned.next_offsets.items())


def _began_within(bucket: ObjectStore, day: date, began: Mapping[int, int]) -> bool:
    """Whether the stream started after some of the day's records."""
    return any(stored.first_offset < began.get(stored.partition, 0) for stored in landed_objects(bucket, day))


def compare_layers(settings: Settings, days: Sequence[date]) -> dict[date, LayerParity]:
    """Compare each day's slice in Cassandra with the stream's rows.

    Small days share one query. If they differ, each is queried again alone.

    Args:
        settings: of the stores.
        days: those for which `is_in_both_layers` holds.

    Raises:
        NoParquetError: a day was never cleaned.
        PrestoUnavailableError: Presto, or a store behind it, is unavailable.
    """
    bucket = open_bucket(settings)
    parities: dict[date, LayerParity] = {}
    for together in small_days_together(days, lambda day: _cleaned(bucket, day).clean, _ROWS_TOGETHER):
        are_equal = len(together) > 1 and not _differences(settings, together, rows=1)
        for day in together:
            parities[day] = LayerParity(0, []) if are_equal else _parity(settings, day)
    return parities


def _parity(settings: Settings, day: date) -> LayerParity:
    found = _differences(settings, [day], NAMED)
    return LayerParity(found[0][-1] if found else 0, [(row[0], row[1], row[2], row[3]) for row in found])


def _differences(settings: Settings, days: Sequence[date], rows: int) -> list[tuple[Any, ...]]:
    named = ", ".join(f"DATE '{day}'" for day in days)
    categories = ask(settings, _CATEGORIES.format(keyspace=settings.cassandra_keyspace, days=named)).rows
    values = {
        "days": [str(day) for day in days],
        "categories": [str(category) for (category,) in categories] or [_NO_CATEGORY],
        "rows": str(rows),
    }
    return ask(settings, saved_query(settings, _DIFFERENCES).filled(settings, values)).rows


def _cleaned(bucket: ObjectStore, day: date) -> CleaningCounts:
    cleaned = read_manifest(bucket, day)
    if cleaned is None:
        raise NoParquetError(f"{day} was never cleaned.")
    return cleaned
