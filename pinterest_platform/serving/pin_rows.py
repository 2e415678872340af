"""Writes rows of clean pins to the Cassandra table `pinterest_batch`, and finds those that Cassandra refuses.

The limits in `pins.fields` are below Cassandra's own, so normally no row is refused. If one is, it must not keep out
the rest of its day. So the rows are halved until few are left, and those are written one by one.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any, NamedTuple

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from pinterest_platform.pins.cleaning import CLEAN_COLUMNS
from pinterest_platform.settings import Settings
from pinterest_platform.stores.cassandra import attempt_all
from pinterest_platform.stores.spark_failures import is_refused_by_cassandra

TABLE = "pinterest_batch"
_INSERT = f"""
    INSERT INTO {TABLE} ({", ".join(CLEAN_COLUMNS)})
    VALUES ({", ".join("?" for _ in CLEAN_COLUMNS)}) USING TIMESTAMP ?"""  # noqa: S608
# The driver holds this many rows, and each may have megabytes.
_WRITTEN_SINGLY = 200
_TELLING_ROWS = 50  # a sample by hash: if all of these are refused, the other rows would be too
_SHOWN_CHARACTERS = 256


class CassandraTakesNothingError(Exception):
    """Cassandra refuses every row, so single rows are not the cause."""


class RefusedPin(NamedTuple):
    """A clean pin that Cassandra refused, with its coordinates and Cassandra's error."""

    ingest_date: date
    kafka_partition: int
    kafka_offset: int
    unique_id: str
    category: str
    reason: str

    def shortened(self) -> RefusedPin:
        """A copy with shortened texts that fit into any table: a refused value is often too long."""
        texts = {name: getattr(self, name)[:_SHOWN_CHARACTERS] for name in ("unique_id", "category", "reason")}
        return self._replace(**texts)


def write_pins(pins: DataFrame, settings: Settings, session: Any, write_time: int) -> list[RefusedPin]:
    """Write the pins (`CLEAN_COLUMNS`) with this write time; returns those that Cassandra refused.

    Args:
        pins: may be computed several times.
        settings: of Cassandra.
        session: has its keyspace set.
        write_time: microseconds since 1970.

    Raises:
        CassandraTakesNothingError: Cassandra refuses every one of many rows.
        Py4JJavaError: Cassandra is unavailable, or Spark failed.
    """
    return list(_write_or_halve(pins, settings, session, write_time, halvings=0))


def _write_or_halve(
    pins: DataFrame, settings: Settings, session: Any, write_time: int, halvings: int
) -> Iterator[RefusedPin]:
    try:
        _write(pins, settings, write_time)
        return
    except Py4JJavaError as error:
        if not is_refused_by_cassandra(error):
            raise
    if len(pins.select("kafka_offset").head(_WRITTEN_SINGLY + 1)) <= _WRITTEN_SINGLY:
        yield from _write_singly(pins, session, write_time)
        return
    # Halve by a bit of the coordinates' hash, the next bit at each level. No two rows have the same coordinates.
    bit = F.shiftright(F.xxhash64("kafka_partition", "kafka_offset"), halvings).bitwiseAND(1)
    for half in (0, 1):
        yield from _write_or_halve(pins.where(bit == half), settings, session, write_time, halvings + 1)


def _write(pins: DataFrame, settings: Settings, write_time: int) -> None:
    options = {
        "keyspace": settings.cassandra_keyspace,
        "table": TABLE,
        "spark.cassandra.output.timestamp": str(write_time),
        # Nulls need no tombstones of their own: old values are deleted with the rest of the old slice.
        "spark.cassandra.output.ignoreNulls": "true",
    }
    pins.select(*CLEAN_COLUMNS).write.format("org.apache.spark.sql.cassandra").options(**options).mode("append").save()


def _write_singly(pins: DataFrame, session: Any, write_time: int) -> Iterator[RefusedPin]:
    from cassandra.query import UNSET_VALUE

    # As numbers: Spark would return times in this process's time zone.
    as_numbers = pins.select(*CLEAN_COLUMNS).withColumn("ingested_at", F.unix_millis("ingested_at"))
    rows = as_numbers.collect()
    values = [(*(UNSET_VALUE if value is None else value for value in row), write_time) for row in rows]
    refused = attempt_all(session, _INSERT, values)
    if len(refused) == len(rows) >= _TELLING_ROWS:
        raise CassandraTakesNothingError(
            f"Cassandra refused all {len(rows):,} rows that were written one by one: {min(refused.values())}. "
            "Nothing of the old slice was deleted. Fix the cause, then run the same days again."
        )
    for place, reason in refused.items():
        row = rows[place]
        yield RefusedPin(row.ingest_date, row.kafka_partition, row.kafka_offset, row.unique_id, row.category, reason)
