"""Migrations of the stream's tables: numbered steps from an empty database to the newest schema.

A step that has been released is never edited (a test has the digest of each); the next one changes what it made. So the
steps name the columns as they were then, and nothing here follows from the table of fields. How steps are applied is in
`stores.postgres`, the partitions of days in `stream.day_partitions`.
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
# A repeat is no post of its own. Of the copies of an event the earliest counts, as in the batch.
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
# What the batch makes of a day, made of the stream: one row a pin and day, the newest by the batch's own order.
_SLICES_VIEW: LiteralString = """CREATE VIEW pinterest_stream_slices AS
            SELECT DISTINCT ON (ingest_date, unique_id) {columns} FROM pinterest_stream_records
            ORDER BY ingest_date, unique_id, ingested_at DESC, kafka_offset DESC, kafka_partition DESC"""
_NEWEST_VIEW: LiteralString = """CREATE VIEW pinterest_stream_newest AS
            SELECT DISTINCT ON (unique_id) {columns} FROM pinterest_stream_records
            ORDER BY unique_id, ingested_at DESC, kafka_offset DESC, kafka_partition DESC"""


@dataclass(frozen=True)
class Migration:
    """One step. Its statements run in one transaction, with the note that they have run."""

    number: int
    name: str
    statements: tuple[sql.SQL | sql.Composed, ...]


def add_field(number: int, name: LiteralString, kind: LiteralString, *before: LiteralString) -> Migration:
    """The step that adds a pin's field, null in the rows that there are, and shows it in the views.

    Args:
        number: of the step.
        name: of the column.
        kind: what SQL calls its type.
        before: the fields that earlier steps have added, in their order: a view keeps the columns that it has.
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
    """Of a repeat that came earlier than the row that it repeats: its own place and time, the row's fields."""
    return sql.SQL(", ").join(sql.Identifier("again" if name in _NOT_POSTED else "stored", name) for name in columns)


# The first step asks whether a table is there: databases older than the list of steps have these tables already.
_TABLES = (
    # A partitioned table's keys must hold the column it is partitioned by.
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
    # One row a topic: which run streams it, and when that run last showed that it lives.
    sql.SQL(
        """CREATE TABLE stream_heartbeat (
            topic text PRIMARY KEY, owner text NOT NULL, beat_at timestamptz NOT NULL DEFAULT clock_timestamp()
        )"""
    ),
    # Kafka's own id of the topic that stream_progress speaks of: one that was made anew has another.
    sql.SQL("CREATE TABLE stream_topic (topic text PRIMARY KEY, topic_id text NOT NULL)"),
)
_RETENTION = (
    # One row: the first day that is kept. It only ever moves on.
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
    # Rows come nearly in the order of their time: a few pages of index find an hour in a day, and cost no insert.
    sql.SQL(
        """CREATE INDEX pinterest_stream_ingested_at ON pinterest_stream
            USING brin (ingested_at) WITH (pages_per_range = 16, autosummarize = on)"""
    ),
    sql.SQL(_LAST_HOUR_VIEW).format(
        create=sql.SQL("CREATE VIEW"), ties=sql.SQL("kafka_partition DESC, kafka_offset DESC")
    ),
)
# What SQL asks of the stream.
_SLICES = (
    sql.SQL("ALTER TABLE stream_duplicates ADD COLUMN ingested_at timestamptz"),
    # Every record that became a pin: an event that was sent again counts as a post of its own, as it does in the batch.
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
# A reader of the newest pins alone needs one row a pin, not one a pin and day.
_NEWEST = (sql.SQL(_NEWEST_VIEW).format(columns=_RELEASED_NAMES),)
# An event id that comes again is a repeat only with the same content; what else has it is stored beside it.
_REPEATS = (
    sql.SQL("ALTER TABLE pinterest_stream DROP CONSTRAINT IF EXISTS pinterest_stream_ingest_date_event_id_key"),
    sql.SQL("CREATE INDEX pinterest_stream_event ON pinterest_stream (({event}), ({content}))").format(
        event=_EVENT, content=_CONTENT
    ),
    # Which copy a repeat is of. It came earlier than that one by its time where its partition was read later. Repeats
    # that were noted before this step have neither, and no content.
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
# Where the stream began, since it may have done so later than the topic; unknown where it began before this step.
_BEGINNING = (sql.SQL("ALTER TABLE stream_progress ADD COLUMN first_offset bigint"),)
# What the run that streams says of itself with each beat, for whoever asks without Dagster.
_CONDITION = (
    sql.SQL(
        """ALTER TABLE stream_heartbeat
            ADD COLUMN state text NOT NULL DEFAULT 'starting', ADD COLUMN trouble text,
            ADD COLUMN rows_per_second double precision, ADD COLUMN last_stored_at timestamptz"""
    ),
)
# Ties are broken as everywhere else (`pins.order`). Profiles of before may differ where one poster's pins share a
# millisecond: the check `profiles_equal_a_recount` names them, and the job `rebuild_profile_popularity` corrects them.
_LAST_HOUR_IN_ORDER = (
    sql.SQL(_LAST_HOUR_VIEW).format(
        create=sql.SQL("CREATE OR REPLACE VIEW"), ties=sql.SQL("kafka_offset DESC, kafka_partition DESC")
    ),
)

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
)
