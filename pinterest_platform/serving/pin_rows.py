"""Rows of clean pins into the Cassandra table `pinterest_batch`, and the ones that Cassandra refuses.

Belongs here: writing with Spark, and finding what was refused. The limits of a pin's fields (`pins.fields`) are below
what Cassandra can hold, so as a rule nothing is refused. What is all the same, for whatever reason, must not keep the
rest of its day out: the rows are halved until few are left among which it must be, and those are written one by one.
Does not belong here: what becomes of the slice (`serving.pinterest_batch`).
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
# The driver holds so many, of which each may have megabytes.
_WRITTEN_SINGLY = 200
_TELLING_ROWS = 50  # taken by their hash, so that others would fare the same
_SHOWN_CHARACTERS = 256


class CassandraTakesNothingError(Exception):
    """Cassandra refuses whatever it is given: that is not about single rows."""


class RefusedPin(NamedTuple):
    """A clean pin that Cassandra did not take, where it came from, and in Cassandra's words why."""

    ingest_date: date
    kafka_partition: int
    kafka_offset: int
    unique_id: str
    category: str
    reason: str

    def shortened(self) -> RefusedPin:
        """With texts that fit anywhere: what is refused is often too long."""
        texts = {name: getattr(self, name)[:_SHOWN_CHARACTERS] for name in ("unique_id", "category", "reason")}
        return self._replace(**texts)


def write_pins(pins: DataFrame, settings: Settings, session: Any, write_time: int) -> list[RefusedPin]:
    """Write the pins (`CLEAN_COLUMNS`) with this write time; returns those that Cassandra did not take.

    Args:
        pins: may be worked out several times.
        settings: where Cassandra is.
        session: has its keyspace set.
        write_time: microseconds since 1970.

    Raises:
        CassandraTakesNothingError: it refuses all of many rows, so that there is nothing to serve the rest of.
        Py4JJavaError: Cassandra is away, or Spark failed.
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
    # By the hash of the coordinates, of which no two rows have the same: each halving takes another bit of it.
    bit = F.shiftright(F.xxhash64("kafka_partition", "kafka_offset"), halvings).bitwiseAND(1)
    for half in (0, 1):
        yield from _write_or_halve(pins.where(bit == half), settings, session, write_time, halvings + 1)


def _write(pins: DataFrame, settings: Settings, write_time: int) -> None:
    options = {
        "keyspace": settings.cassandra_keyspace,
        "table": TABLE,
        "spark.cassandra.output.timestamp": str(write_time),
        # A null needs no tombstone of its own: the older value goes with the rest of the old slice.
        "spark.cassandra.output.ignoreNulls": "true",
    }
    pins.select(*CLEAN_COLUMNS).write.format("org.apache.spark.sql.cassandra").options(**options).mode("append").save()


def _write_singly(pins: DataFrame, session: Any, write_time: int) -> Iterator[RefusedPin]:
    from cassandra.query import UNSET_VALUE

    # Spark would give times in the zone of this process.
    as_numbers = pins.select(*CLEAN_COLUMNS).withColumn("ingested_at", F.unix_millis("ingested_at"))
    rows = as_numbers.collect()
    values = [(*(UNSET_VALUE if value is None else value for value in row), write_time) for row in rows]
    refused = attempt_all(session, _INSERT, values)
    if len(refused) == len(rows) >= _TELLING_ROWS:
        raise CassandraTakesNothingError(
            f"Cassandra refused all of {len(rows):,} rows that it was given one by one: {min(refused.values())}. "
            "Of the old slice nothing was deleted. Mend what it says, then run the same days again."
        )
    for place, reason in refused.items():
        row = rows[place]
        yield RefusedPin(row.ingest_date, row.kafka_partition, row.kafka_offset, row.unique_id, row.category, reason)
