"""That a closed day is the same in both layers as SQL sees them: the batch's slice in Cassandra, the stream's view.

Belongs here: asking Presto for the pins that differ, and when there is nothing to compare yet. Cassandra is asked for
the day's own partitions, so that the answer costs what the day has, however many days there are. Does not belong here:
the comparison itself (`infra/presto/queries/pins_that_differ_between_the_layers.sql`), and the clean slice in S3
(`batch.stream_parity`).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date

from pinterest_platform.batch.day_offsets import stream_progress
from pinterest_platform.batch.slice_files import read_account
from pinterest_platform.settings import Settings
from pinterest_platform.stores.parquet import NoParquetError
from pinterest_platform.stores.postgres import connect
from pinterest_platform.stores.presto import ask
from pinterest_platform.stores.s3 import open_bucket
from pinterest_platform.stores.saved_queries import saved_query

NAMED = 5
_DIFFERENCES = "pins_that_differ_between_the_layers"
_CATEGORIES = """
    SELECT category FROM cassandra.{keyspace}.pinterest_batch_categories WHERE ingest_date = DATE '{day}'
    ORDER BY category"""
_NO_CATEGORY = ""  # a day without rows has no partition, and a list in SQL has at least one member


@dataclass(frozen=True)
class LayerParity:
    """How many rows have no equal in the other layer, and a few of them: (layer, unique_id, partition, offset)."""

    different: int
    examples: Sequence[tuple[str, str, int, int]]


def compare_layers(settings: Settings, day: date) -> LayerParity | None:
    """Compare the day's slice in Cassandra with what the stream makes of the day.

    None where there is nothing to compare with: the stream has never run, does not keep the day any more, or has not
    come to the end of what the batch has read.

    Raises:
        NoParquetError: the day was never cleaned.
        PrestoUnavailableError: Presto, or a store behind it, is away.
    """
    if not _stream_has_passed(settings, day):
        return None
    answer = ask(settings, _CATEGORIES.format(keyspace=settings.cassandra_keyspace, day=day))
    categories = [str(category) for (category,) in answer.rows] or [_NO_CATEGORY]
    query = saved_query(settings, _DIFFERENCES)
    values = {"day": str(day), "categories": categories, "rows": str(NAMED)}
    found = ask(settings, query.filled(settings, values)).rows
    return LayerParity(found[0][-1] if found else 0, [(row[0], row[1], row[2], row[3]) for row in found])


def _stream_has_passed(settings: Settings, day: date) -> bool:
    account = read_account(open_bucket(settings), day)
    if account is None:
        raise NoParquetError(f"{day} was never cleaned.")
    with closing(connect(settings, autocommit=True)) as connection:
        progress = stream_progress(connection, settings.kafka_topic, day)
    if progress is None:
        return False
    return all(progress.get(partition, 0) >= following for partition, following in account.next_offsets.items())
