"""Cassandra's tables, as numbered steps from an empty keyspace to the newest shape.

A step that has been released is never edited (a test has the digest of each); the next one changes what it made. So the
steps name the columns as they were then. Each may be applied again to what it has made, whole or in part, since
Cassandra has no transactions of schema changes. How they are applied is in `stores.cassandra_migrations`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AddColumn:
    """A column that a table gets unless it has it; Cassandra 5.0 has no `ADD IF NOT EXISTS`."""

    table: str
    column: str
    kind: str


@dataclass(frozen=True)
class CassandraMigration:
    """One step. Its statements name the `{keyspace}`, and do nothing where they have been executed before."""

    number: int
    name: str
    changes: tuple[str | AddColumn, ...]


def add_field(number: int, name: str, kind: str) -> CassandraMigration:
    """The step that adds a pin's field, null in the rows that there are; `kind` is what Cassandra calls its type."""
    return CassandraMigration(number, f"the field {name}", (AddColumn("pinterest_batch", name, kind),))


_PINTEREST_BATCH = """
    CREATE TABLE IF NOT EXISTS {keyspace}.pinterest_batch (
        ingest_date date, category text, unique_id text, index_id bigint, title text, description text,
        poster_name text, follower_count bigint, tag_list text, is_image_or_video text, image_src text,
        downloaded int, save_location text, event_id text, ingested_at timestamp,
        kafka_partition int, kafka_offset bigint,
        PRIMARY KEY ((ingest_date, category), unique_id)
    )"""
# Which partitions of pinterest_batch a day has: without it, a reader of a day would have to scan all tokens.
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
# What Cassandra refused of a day, each row with its words: clean rows = pinterest_batch + these.
_PINTEREST_BATCH_REJECTS = """
    CREATE TABLE IF NOT EXISTS {keyspace}.pinterest_batch_rejects (
        ingest_date date, kafka_partition int, kafka_offset bigint, unique_id text, category text, reason text,
        PRIMARY KEY (ingest_date, kafka_partition, kafka_offset)
    )"""
# The highest write time that somebody has taken for a slice, and the highest whose rows are all there.
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
