"""Finds repeats and conflicts among the staged records of a micro-batch, by event id.

An event posted again with the same fields within seven days is a repeat, also across midnight. It counts once. The
stream stores the copy it met first and the batch the earliest, so a repeat that is earlier is marked as such. The same
id with other fields is a conflict: both are stored, and the second is recorded. A record posted without an id has a
derived one and can be neither. `clean_slices.event_ids` does the same for the batch.

Every statement uses an index. So the cost depends on the batch and not on the stored rows, even if one id occurs a
million times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from functools import partial

from psycopg import sql

from pinterest_platform.pins.calendar import REPEAT_DAYS
from pinterest_platform.pins.cleaning import PIN_COLUMNS
from pinterest_platform.pins.order import ORDER
from pinterest_platform.stores.postgres import Connection
from pinterest_platform.stores.stream_digests import content_digest, content_identity, event_digest
from pinterest_platform.stream.day_partitions import existing_partitions

VERDICT_COLUMNS = sql.SQL(
    "NULL::text AS verdict, NULL::date AS of_date, NULL::integer AS of_partition, NULL::bigint AS of_offset"
)
_WEEK = timedelta(days=REPEAT_DAYS)


def _has_own_id(table: str) -> sql.Composed:
    """Whether the record was posted with its id. A derived id has the record's coordinates, so it is unique."""
    return sql.SQL("{id} <> {topic} || '-' || {partition} || '-' || {offset}").format(
        id=sql.Identifier(table, "event_id"),
        topic=sql.Placeholder("topic"),
        partition=sql.Identifier(table, "kafka_partition"),
        offset=sql.Identifier(table, "kafka_offset"),
    )


def _fields(table: str) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(table, name) for name in PIN_COLUMNS)


_format: Callable[..., dict[str, sql.Composable]] = partial(
    dict,
    event=event_digest("staged"),
    content=content_digest("staged"),
    content_identity=content_identity("staged"),
    fields=_fields("staged"),
    has_own_id=_has_own_id("staged"),
    stored_event=event_digest("stored"),
    stored_content=content_digest("stored"),
    stored_fields=_fields("stored"),
    stored_has_own_id=_has_own_id("stored"),
    week=sql.Literal(REPEAT_DAYS),
    order=sql.SQL(", ").join(map(sql.Identifier, ORDER)),
)

_SUSPECTS = "CREATE TEMPORARY TABLE IF NOT EXISTS suspects (event_id text) ON COMMIT DELETE ROWS"
_FORGET_SUSPECTS = "DELETE FROM suspects"
# The planner underestimates a partition that was empty a moment ago, and would read all of it. The estimated cost with
# those plans disabled would trigger JIT compilation, so that is off too.
_OPTIONS = ("enable_seqscan", "enable_bitmapscan", "jit")
_BY_INDEX = "; ".join(f"SET LOCAL {option} = off" for option in _OPTIONS)
_AS_PLANNED = "; ".join(f"SET LOCAL {option} TO DEFAULT" for option in _OPTIONS)
# These tables are joined with themselves, so the planner needs their statistics.
_LOOK = "ANALYZE staged (kafka_partition, kafka_offset, event_id); ANALYZE suspects"
_FIND_STAGED = sql.SQL(
    """
    INSERT INTO suspects SELECT event_id FROM staged WHERE reason IS NULL AND {has_own_id}
    GROUP BY event_id HAVING count(*) > 1"""
).format(**_format())
# A lateral query with a limit uses the index for each record, whatever the planner estimates.
_FIND_STORED = """
    INSERT INTO suspects SELECT staged.event_id FROM staged
    LEFT JOIN LATERAL (
        SELECT stored.event_id FROM ({near}) AS stored WHERE {stored_event} = {event} LIMIT 1
    ) AS stored ON true
    LEFT JOIN LATERAL (
        SELECT again.event_id FROM stream_duplicates AS again
        WHERE again.event_id = staged.event_id AND again.ingest_date BETWEEN {first} AND {last} LIMIT 1
    ) AS again ON true
    WHERE staged.reason IS NULL AND staged.ingest_date = {day} AND {has_own_id}
      AND (stored.event_id IS NOT NULL OR again.event_id IS NOT NULL)"""
# If progress was deleted, stored records come again. They are not repeats of themselves.
_DROP_STORED = (
    """
    DELETE FROM staged USING pinterest_stream AS stored
    WHERE staged.reason IS NULL AND staged.event_id IN (SELECT event_id FROM suspects)
      AND stored.ingest_date = staged.ingest_date AND stored.kafka_partition = staged.kafka_partition
      AND stored.kafka_offset = staged.kafka_offset""",
    """
    DELETE FROM staged USING stream_duplicates AS again
    WHERE staged.reason IS NULL AND staged.event_id IN (SELECT event_id FROM suspects)
      AND again.kafka_partition = staged.kafka_partition AND again.kafka_offset = staged.kafka_offset""",
)
_JUDGE_BY_STORED = """
    UPDATE staged SET verdict = found.verdict, of_date = found.of_date, of_partition = found.of_partition,
        of_offset = found.of_offset
    FROM (
        SELECT staged.kafka_partition, staged.kafka_offset,
            CASE WHEN known.ingest_date IS NULL THEN 'conflict' ELSE 'repeat' END AS verdict,
            coalesce(known.ingest_date, other.ingest_date) AS of_date,
            coalesce(known.kafka_partition, other.kafka_partition) AS of_partition,
            coalesce(known.kafka_offset, other.kafka_offset) AS of_offset
        FROM staged
        LEFT JOIN LATERAL (
            (SELECT stored.ingest_date, stored.kafka_partition, stored.kafka_offset FROM ({near}) AS stored
            WHERE {stored_event} = {event} AND {stored_content} = {content}
              AND stored.event_id = staged.event_id AND {stored_has_own_id}
              AND ({stored_fields}) IS NOT DISTINCT FROM ({fields}) LIMIT 1)
            UNION ALL
            (SELECT again.ingest_date, again.kafka_partition, again.kafka_offset FROM stream_duplicates AS again
            WHERE again.event_id = staged.event_id AND again.content = {content_identity}
              AND again.ingest_date BETWEEN {first} AND {last} LIMIT 1)
            LIMIT 1
        ) AS known ON true
        LEFT JOIN LATERAL (
            SELECT stored.ingest_date, stored.kafka_partition, stored.kafka_offset FROM ({near}) AS stored
            WHERE {stored_event} = {event} AND stored.event_id = staged.event_id AND {stored_has_own_id} LIMIT 1
        ) AS other ON true
        WHERE staged.reason IS NULL AND staged.ingest_date = {day} AND {has_own_id}
          AND staged.event_id IN (SELECT event_id FROM suspects)
          AND (known.ingest_date IS NOT NULL OR other.ingest_date IS NOT NULL)
    ) AS found
    WHERE staged.kafka_partition = found.kafka_partition AND staged.kafka_offset = found.kafka_offset"""
# Within the batch the earliest copy counts. The copy right before a record shows whether any is near enough.
_JUDGE_BY_STAGED = """
    UPDATE staged SET verdict = {verdict}, of_date = found.of_date, of_partition = found.of_partition,
        of_offset = found.of_offset
    FROM (
        SELECT kafka_partition, kafka_offset, ingest_date, lag(ingest_date) OVER before AS of_date,
            lag(kafka_partition) OVER before AS of_partition, lag(kafka_offset) OVER before AS of_offset
        FROM staged WHERE reason IS NULL AND {has_own_id} AND event_id IN (SELECT event_id FROM suspects)
        WINDOW before AS (PARTITION BY {same} ORDER BY {order})
    ) AS found
    WHERE staged.kafka_partition = found.kafka_partition AND staged.kafka_offset = found.kafka_offset
      AND staged.verdict IS DISTINCT FROM 'repeat' AND found.ingest_date - found.of_date <= {week}"""
_REPEATS_IN_BATCH = sql.SQL(_JUDGE_BY_STAGED).format(
    **_format(verdict=sql.Literal("repeat"), same=sql.SQL("event_id, {}").format(_fields("staged")))
)
_CONFLICTS_IN_BATCH = sql.SQL(_JUDGE_BY_STAGED).format(
    **_format(verdict=sql.Literal("conflict"), same=sql.SQL("event_id"))
)


def check_events(connection: Connection, topic: str, days: Sequence[date], first_kept: date) -> bool:
    """Set `verdict` of the pins in `staged` to `repeat`, `conflict` or null; returns whether there is any candidate.

    Args:
        connection: in the transaction of the batch.
        topic: of the records.
        days: of the pins; the partition of each exists.
        first_kept: the first day whose partition cannot be dropped before the transaction ends.
    """
    named = {"topic": topic}
    connection.execute(_SUSPECTS)
    connection.execute(_FORGET_SUSPECTS)
    connection.execute(_BY_INDEX)
    near = {day: _named_near(connection, day, first_kept) for day in days}
    found = connection.execute(_FIND_STAGED, named).rowcount
    for named_near in near.values():
        found += connection.execute(sql.SQL(_FIND_STORED).format(**named_near), named).rowcount
    if found:
        _judge(connection, named, near.values())
    connection.execute(_AS_PLANNED)
    return found > 0


def _judge(connection: Connection, named: Mapping[str, str], near: Iterable[Mapping[str, sql.Composable]]) -> None:
    connection.execute(_LOOK)
    for statement in _DROP_STORED:
        connection.execute(statement)
    for named_near in near:
        connection.execute(sql.SQL(_JUDGE_BY_STORED).format(**named_near), named)
    connection.execute(_REPEATS_IN_BATCH, named)
    connection.execute(_CONFLICTS_IN_BATCH, named)


def _named_near(connection: Connection, day: date, first_kept: date) -> dict[str, sql.Composable]:
    """SQL parts for the day's records that name only the partitions of the days near it."""
    first, last = max(first_kept, day - _WEEK), day + _WEEK
    partitions = existing_partitions(connection, first, last)
    near = sql.SQL(" UNION ALL ").join(sql.SQL("SELECT * FROM {}").format(sql.Identifier(name)) for name in partitions)
    return _format(day=sql.Literal(day), first=sql.Literal(first), last=sql.Literal(last), near=near)
