"""Migrations of Cassandra's tables: numbered steps from an empty keyspace to the newest schema.

A released step is never edited (a test has its digest); a later step changes its tables. So each step names the columns
as they were at its release. Cassandra has no transactions for schema changes, so a step that was applied wholly or in
part can be applied again. `stores.cassandra_migrations` applies the steps.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AddColumn:
    """Adds a column of the CQL type `kind` unless it exists. Cassandra 5.0 has no `ADD IF NOT EXISTS`."""

    table: str
    column: str
    kind: str


@dataclass(frozen=True)
class CassandraMigration:
    """One step. Its statements contain `{keyspace}`, and change nothing if they are executed again."""

    number: int
    name: str
    changes: tuple[str | AddColumn, ...]


def add_field(number: int, name: str, kind: str) -> CassandraMigration:
    """The step that adds a pin's field of the CQL type `kind`. It is null in existing rows."""
    return CassandraMigration(number, f"the field {name}", (AddColumn("pinterest_batch", name, kind),))


_PINTEREST_BATCH = """
    CREATE TABLE IF NOT EXISTS {keyspace}.pinterest_batch (
        ingest_date date, category text, unique_id text, index_id bigint, title text, description text,
        poster_name text, follower_count bigint, tag_list text, is_image_or_video text, image_src text,
        downloaded int, save_location text, event_id text, ingested_at timestamp,
        kafka_partition int, kafka_offset bigint,
        PRIMARY KEY ((ingest_date, category), unique_id)
    )"""
# The partitions of a day in pinterest_batch. Without this table, reading a day would need a scan of all partitions.
_PINTEREST_BATCH_CATEGORIES = """
    CREATE TABLE IF NOT EXISTS {keyspace}.pinterest_batch_categories (
        ingest_date date, category text, PRIMARY KEY (ingest_date, category)
    )"""
# The clustering order is the ranking: the most popular category of a period is the first row of its partition.
_CATEGORY_POPULARITY = """
    CREATE TABLE IF NOT EXISTS {keyspace}.category_popularity (
        period_kind text, period text, rank int, category text,
        posts bigint, distinct_pins bigint, distinct_posters bigint,
        PRIMARY KEY ((period_kind, period), rank, category)
    )"""
# The clean pins of a day that Cassandra refused, with its reasons: clean rows = rows of pinterest_batch + these.
_PINTEREST_BATCH_REJECTS = """
    CREATE TABLE IF NOT EXISTS {keyspace}.pinterest_batch_rejects (
        ingest_date date, kafka_partition int, kafka_offset bigint, unique_id text, category text, reason text,
        PRIMARY KEY (ingest_date, kafka_partition, kafka_offset)
    )"""
# Of each slice: the highest write time that a run has taken, and the highest one whose rows are all written.
_SLICE_WRITES = """
    CREATE TABLE IF NOT EXISTS {keyspace}.slice_writes (
        table_name text, slice text, taken bigint, written bigint, PRIMARY KEY ((table_name, slice))
    )"""

MIGRATIONS = (
    CassandraMigration(
        1,
        "tables of the batch",
        (
            _PINTEREST_BATCH,
            _PINTEREST_BATCH_CATEGORIES,
            _PINTEREST_BATCH_REJECTS,
            _CATEGORY_POPULARITY,
            _SLICE_WRITES,
        ),
    ),
)
