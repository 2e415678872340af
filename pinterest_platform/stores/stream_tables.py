"""Migrations of the stream's tables: numbered steps from an empty database to the newest schema.

A released step is never edited (a test has its digest); a later step changes its tables. So each step names the columns
as they were at its release, and nothing here depends on `pins.fields`. `stores.postgres` applies the steps.
`stream.day_partitions` creates the day partitions.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import LiteralString

from psycopg import sql

_RELEASED_COLUMNS: dict[str, LiteralString] = {
    "unique_id": "text NOT NULL",
    "index_id": "bigint NOT NULL",
    "title": "text",
    "category": "text NOT NULL",
    "description": "text",
    "poster_name": "text",
    "follower_count": "bigint",
    "tag_list": "text",
    "is_image_or_video": "text",
    "image_src": "text",
    "downloaded": "integer",
    "save_location": "text",
    "event_id": "text NOT NULL",
    "ingested_at": "timestamptz NOT NULL",
    "ingest_date": "date NOT NULL",
    "kafka_partition": "integer NOT NULL",
    "kafka_offset": "bigint NOT NULL",
}
_COORDINATES = ("ingested_at", "kafka_partition", "kafka_offset")
_NOT_POSTED = ("event_id", "ingest_date", *_COORDINATES)
_RELEASED_NAMES = sql.SQL(", ").join(map(sql.Identifier, _RELEASED_COLUMNS))
_EVENT = sql.SQL("hashtextextended({}, 0)").format(sql.Identifier("pinterest_stream", "event_id"))
_CONTENT = sql.SQL("hashtextextended(({}), 0)").format(
    sql.SQL(" || chr(2) || ").join(
        sql.SQL("coalesce({}::text, chr(1))").format(sql.Identifier("pinterest_stream", name))
        for name in _RELEASED_COLUMNS
        if name not in _NOT_POSTED
    )
)
# A repeat does not count as a post. Of the copies of an event the earliest one counts, as in the batch.
_RECORDS_VIEW: LiteralString = """CREATE OR REPLACE VIEW pinterest_stream_records AS
            SELECT {columns} FROM pinterest_stream AS stored
            WHERE NOT EXISTS (
                SELECT FROM stream_duplicates AS again
                WHERE again.is_earlier AND again.of_date = stored.ingest_date
                  AND again.of_partition = stored.kafka_partition AND again.of_offset = stored.kafka_offset
            )
            UNION ALL
            SELECT {earlier}
            FROM (
                SELECT DISTINCT ON (of_date, of_partition, of_offset) * FROM stream_duplicates WHERE is_earlier
                ORDER BY of_date, of_partition, of_offset, ingested_at, kafka_offset, kafka_partition
            ) AS again JOIN pinterest_stream AS stored
                ON stored.ingest_date = again.of_date
                AND stored.kafka_partition = again.of_partition AND stored.kafka_offset = again.of_offset"""
_LAST_HOUR_VIEW: LiteralString = """{create} popular_profiles_last_hour AS
            SELECT poster_name, count(*) AS posts,
                (array_agg(follower_count ORDER BY ingested_at DESC, {ties})
                    FILTER (WHERE follower_count IS NOT NULL))[1] AS latest_follower_count,
                max(ingested_at) AS last_posted_at
            FROM pinterest_stream
            WHERE poster_name IS NOT NULL
              AND ingest_date >= ((now() - interval '1 hour') AT TIME ZONE 'UTC')::date
              AND ingested_at > now() - interval '1 hour'
            GROUP BY poster_name
            ORDER BY posts DESC, latest_follower_count DESC NULLS LAST, poster_name"""
# The stream's equivalent of the batch's slices: one row per day and pin, the newest in the batch's order.
_SLICES_VIEW: LiteralString = """CREATE VIEW pinterest_stream_slices AS
            SELECT DISTINCT ON (ingest_date, unique_id) {columns} FROM pinterest_stream_records
            ORDER BY ingest_date, unique_id, ingested_at DESC, kafka_offset DESC, kafka_partition DESC"""
_NEWEST_VIEW: LiteralString = """CREATE VIEW pinterest_stream_newest AS
            SELECT DISTINCT ON (unique_id) {columns} FROM pinterest_stream_records
            ORDER BY unique_id, ingested_at DESC, kafka_offset DESC, kafka_partition DESC"""


@dataclass(frozen=True)
class Migration:
    """One step. It is recorded as applied in the transaction of its statements."""

    number: int
    name: str
    statements: tuple[sql.SQL | sql.Composed, ...]


def add_field(number: int, name: LiteralString, kind: LiteralString, *before: LiteralString) -> Migration:
    """The step that adds a pin's field to the table and its views. The field is null in existing rows.

    Args:
        number: of the step.
        name: of the column.
        kind: its SQL type.
        before: the fields that earlier steps have added, in order. A replaced view must keep its existing columns.
    """
    columns = (*_RELEASED_COLUMNS, *before, name)
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    return Migration(
        number,
        f"the field {name}",
        (
            sql.SQL("ALTER TABLE pinterest_stream ADD COLUMN {} {}").format(sql.Identifier(name), sql.SQL(kind)),
            sql.SQL(_RECORDS_VIEW).format(columns=names, earlier=_of_earliest_copy(columns)),
            *(
                sql.SQL(view.replace("CREATE VIEW", "CREATE OR REPLACE VIEW")).format(columns=names)
                for view in (_SLICES_VIEW, _NEWEST_VIEW)
            ),
        ),
    )


def _of_earliest_copy(columns: Iterable[str]) -> sql.Composed:
    """The columns of a repeat that is earlier than the stored row: its own coordinates and time, the row's fields."""
    return sql.SQL(", ").join(sql.Identifier("again" if name in _NOT_POSTED else "stored", name) for name in columns)


# The first step uses IF NOT EXISTS, since databases older than the migrations already have these tables.
_TABLES = (
    # The keys of a partitioned table must include its partition column.
    sql.SQL(
        """CREATE TABLE IF NOT EXISTS pinterest_stream (
            {columns},
            committed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
            PRIMARY KEY (ingest_date, kafka_partition, kafka_offset),
            UNIQUE (ingest_date, event_id)
        ) PARTITION BY RANGE (ingest_date)"""
    ).format(
        columns=sql.SQL(", ").join(
            sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(kind)) for name, kind in _RELEASED_COLUMNS.items()
        )
    ),
    sql.SQL(
        """CREATE TABLE IF NOT EXISTS stream_rejects (
            ingested_at timestamptz NOT NULL, ingest_date date NOT NULL, kafka_topic text NOT NULL,
            kafka_partition integer NOT NULL, kafka_offset bigint NOT NULL, original text, reason text NOT NULL,
            PRIMARY KEY (kafka_partition, kafka_offset)
        )"""
    ),
    sql.SQL(
        """CREATE TABLE IF NOT EXISTS stream_duplicates (
            ingest_date date NOT NULL, kafka_partition integer NOT NULL, kafka_offset bigint NOT NULL,
            event_id text NOT NULL,
            PRIMARY KEY (kafka_partition, kafka_offset)
        )"""
    ),
    sql.SQL(
        """CREATE TABLE IF NOT EXISTS profile_popularity (
            poster_name text PRIMARY KEY, posts bigint NOT NULL, latest_follower_count bigint,
            last_posted_at timestamptz NOT NULL,
            followers_at timestamptz, followers_partition integer, followers_offset bigint
        )"""
    ),
    sql.SQL("CREATE INDEX IF NOT EXISTS profile_popularity_posts ON profile_popularity (posts DESC)"),
    sql.SQL(
        """CREATE TABLE IF NOT EXISTS stream_progress (
            topic text NOT NULL, kafka_partition integer NOT NULL, next_offset bigint NOT NULL,
            updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
            PRIMARY KEY (topic, kafka_partition)
        )"""
    ),
)
_OWNER_AND_TOPIC = (
    # One row per topic: the run that streams it, and the time of its last heartbeat.
    sql.SQL(
        """CREATE TABLE stream_heartbeat (
            topic text PRIMARY KEY, owner text NOT NULL, beat_at timestamptz NOT NULL DEFAULT clock_timestamp()
        )"""
    ),
    # Kafka's id of the topic in stream_progress. A recreated topic has another id.
    sql.SQL("CREATE TABLE stream_topic (topic text PRIMARY KEY, topic_id text NOT NULL)"),
)
_RETENTION = (
    # One row: the first day that is kept. It only moves forward.
    sql.SQL(
        """CREATE TABLE stream_retention (
            kept_from date NOT NULL, only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row)
        )"""
    ),
    sql.SQL(
        """CREATE TABLE stream_late_records (
            ingest_date date PRIMARY KEY, records bigint NOT NULL,
            last_at timestamptz NOT NULL DEFAULT clock_timestamp()
        )"""
    ),
    sql.SQL("CREATE INDEX stream_rejects_of_day ON stream_rejects (ingest_date)"),
    sql.SQL("CREATE INDEX stream_duplicates_of_day ON stream_duplicates (ingest_date)"),
)
_LAST_HOUR = (
    # Rows arrive nearly in order of time. So a BRIN index of a few pages finds an hour in a day, and inserts stay fast.
    sql.SQL(
        """CREATE INDEX pinterest_stream_ingested_at ON pinterest_stream
            USING brin (ingested_at) WITH (pages_per_range = 16, autosummarize = on)"""
    ),
    sql.SQL(_LAST_HOUR_VIEW).format(
        create=sql.SQL("CREATE VIEW"), ties=sql.SQL("kafka_partition DESC, kafka_offset DESC")
    ),
)
# Views for SQL users.
_SLICES = (
    sql.SQL("ALTER TABLE stream_duplicates ADD COLUMN ingested_at timestamptz"),
    # Every record that became a pin. At this version a repeated event counted as another post, in the batch too.
    sql.SQL(
        """CREATE VIEW pinterest_stream_records AS
            SELECT {columns} FROM pinterest_stream
            UNION ALL
            SELECT {again}
            FROM stream_duplicates AS again JOIN pinterest_stream AS stored USING (ingest_date, event_id)"""
    ).format(
        columns=_RELEASED_NAMES,
        again=sql.SQL(", ").join(
            sql.SQL("coalesce(again.ingested_at, stored.ingested_at)")
            if name == "ingested_at"
            else sql.Identifier("again" if name in _COORDINATES else "stored", name)
            for name in _RELEASED_COLUMNS
        ),
    ),
    sql.SQL(_SLICES_VIEW).format(columns=_RELEASED_NAMES),
    sql.SQL(
        """CREATE VIEW stream_days AS
            SELECT ingest_date, sum(records)::bigint AS records, sum(pins)::bigint AS pins,
                sum(rejects)::bigint AS rejects, sum(duplicates)::bigint AS duplicates
            FROM (
                SELECT ingest_date, count(*) AS records, count(*) AS pins, 0 AS rejects, 0 AS duplicates
                FROM pinterest_stream GROUP BY ingest_date
                UNION ALL
                SELECT ingest_date, count(*), 0, count(*), 0 FROM stream_rejects GROUP BY ingest_date
                UNION ALL
                SELECT ingest_date, count(*), 0, 0, count(*) FROM stream_duplicates GROUP BY ingest_date
            ) AS counted
            GROUP BY ingest_date"""
    ),
)
# For readers of the newest pins: one row per pin, not per day and pin.
_NEWEST = (sql.SQL(_NEWEST_VIEW).format(columns=_RELEASED_NAMES),)
# A reused event id is a repeat only if the content is the same. With other content, both records are stored.
_REPEATS = (
    sql.SQL("ALTER TABLE pinterest_stream DROP CONSTRAINT IF EXISTS pinterest_stream_ingest_date_event_id_key"),
    sql.SQL("CREATE INDEX pinterest_stream_event ON pinterest_stream (({event}), ({content}))").format(
        event=_EVENT, content=_CONTENT
    ),
    # `of_…` is the stored copy. `is_earlier`: the repeat is the earlier one, but its partition was read later. Repeats
    # stored before this step have no content and no copy.
    sql.SQL(
        """ALTER TABLE stream_duplicates
            ADD COLUMN content uuid, ADD COLUMN of_date date, ADD COLUMN of_partition integer,
            ADD COLUMN of_offset bigint, ADD COLUMN is_earlier boolean NOT NULL DEFAULT false"""
    ),
    sql.SQL("CREATE INDEX stream_duplicates_event ON stream_duplicates (event_id, content)"),
    sql.SQL("CREATE INDEX stream_duplicates_earlier ON stream_duplicates (ingest_date) WHERE is_earlier"),
    sql.SQL(
        """CREATE TABLE stream_conflicts (
            ingest_date date NOT NULL, kafka_partition integer NOT NULL, kafka_offset bigint NOT NULL,
            event_id text NOT NULL, other_date date NOT NULL, other_partition integer NOT NULL,
            other_offset bigint NOT NULL,
            PRIMARY KEY (kafka_partition, kafka_offset)
        )"""
    ),
    sql.SQL("CREATE INDEX stream_conflicts_of_day ON stream_conflicts (ingest_date)"),
)
_EACH_EVENT_ONCE = (
    sql.SQL(_RECORDS_VIEW).format(columns=_RELEASED_NAMES, earlier=_of_earliest_copy(_RELEASED_COLUMNS)),
    sql.SQL(
        """CREATE OR REPLACE VIEW stream_days AS
            SELECT ingest_date, sum(records)::bigint AS records, sum(pins)::bigint AS pins,
                sum(rejects)::bigint AS rejects, sum(duplicates)::bigint AS duplicates,
                sum(conflicts)::bigint AS conflicts
            FROM (
                SELECT ingest_date, count(*) AS records, count(*) AS pins, 0 AS rejects, 0 AS duplicates, 0 AS conflicts
                FROM pinterest_stream GROUP BY ingest_date
                UNION ALL
                SELECT ingest_date, count(*), 0, count(*), 0, 0 FROM stream_rejects GROUP BY ingest_date
                UNION ALL
                SELECT ingest_date, count(*), 0, 0, count(*), 0 FROM stream_duplicates GROUP BY ingest_date
                UNION ALL
                SELECT ingest_date, 0, 0, 0, 0, count(*) FROM stream_conflicts GROUP BY ingest_date
            ) AS counted
            GROUP BY ingest_date"""
    ),
)
# The first offset that the stream has read, which may be after the topic's first. Null if it began before this step.
_BEGINNING = (sql.SQL("ALTER TABLE stream_progress ADD COLUMN first_offset bigint"),)
# The state that a run sends with each heartbeat, so that it can be read without Dagster.
_CONDITION = (
    sql.SQL(
        """ALTER TABLE stream_heartbeat
            ADD COLUMN state text NOT NULL DEFAULT 'starting', ADD COLUMN trouble text,
            ADD COLUMN rows_per_second double precision, ADD COLUMN last_stored_at timestamptz"""
    ),
)
# Breaks ties as everywhere else (`pins.order`). Older profiles may differ if pins of a poster share a millisecond: the
# check `profiles_equal_a_recount` names them, and the job `rebuild_profile_popularity` corrects them.
_LAST_HOUR_IN_ORDER = (
    sql.SQL(_LAST_HOUR_VIEW).format(
        create=sql.SQL("CREATE OR REPLACE VIEW"), ties=sql.SQL("kafka_offset DESC, kafka_partition DESC")
    ),
)
# A recreated topic that was accepted begins a new epoch (`stores.epochs`). What is stored already is of epoch 0.
_EPOCH = (sql.SQL("ALTER TABLE stream_topic ADD COLUMN epoch integer NOT NULL DEFAULT 0"),)


MIGRATIONS = (
    Migration(1, "tables of the stream", _TABLES),
    Migration(2, "the owner's heartbeat and the topic's identity", _OWNER_AND_TOPIC),
    Migration(3, "retention of days", _RETENTION),
    Migration(4, "popular in the last hour", _LAST_HOUR),
    Migration(5, "the stream's slices and days, for SQL", _SLICES),
    Migration(6, "the newest of every pin in the stream, for SQL", _NEWEST),
    Migration(7, "repeats and conflicts of event ids", _REPEATS),
    Migration(8, "each event once, for SQL", _EACH_EVENT_ONCE),
    Migration(9, "what the stream says of itself", _CONDITION),
    Migration(10, "where the stream began", _BEGINNING),
    Migration(11, "one order of records for the last hour", _LAST_HOUR_IN_ORDER),
    Migration(12, "the topic's epoch", _EPOCH),
)
