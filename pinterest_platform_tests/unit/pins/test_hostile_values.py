"""Hostile values of every kind, through cleaning and the API's reader: each has its fate, and a 200 means a row."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime
from random import Random

from pyspark.sql import SparkSession

from ingest_api.posted_event import RefusedPinError, read_event
from pinterest_platform.pins.cleaning import RECORD_SCHEMA, clean_records
from pinterest_platform_tests.support.hostile_records import Fate, Kind, Making, hostile_kinds

OF_TIMES_AND_TRANSACTIONS = (Fate.MISDATED, Fate.NOWHERE)


def values() -> list[tuple[Kind, bytes | None]]:
    making = Making(Random(7), int(time.time() * 1_000), date(2025, 1, 1))
    kinds = [kind for kind in hostile_kinds() if kind.fate not in OF_TIMES_AND_TRANSACTIONS]
    return [(kind, kind.make(making)[0].value) for kind in kinds]


def is_taken(value: bytes | None) -> bool:
    try:
        read_event(value or b"", lambda: "an id")
    except RefusedPinError:
        return False
    return True


def test_every_kind_of_hostile_value_has_its_fate_and_what_the_api_takes_is_a_row(spark: SparkSession) -> None:
    found, at = values(), datetime(2026, 11, 16, tzinfo=UTC)
    records = [("pins", 0, offset, at, None, value) for offset, (_, value) in enumerate(found)]
    cleaned = clean_records(spark.createDataFrame(records, RECORD_SCHEMA))
    reasons = {row["kafka_offset"]: row["reason"] for row in cleaned.select("kafka_offset", "reason").collect()}

    surprises = {}
    for offset, (kind, value) in enumerate(found):
        reason = reasons[offset]
        is_as_expected = kind.fate is Fate.EITHER or (kind.fate is Fate.REJECT) == (reason is not None)
        if not is_as_expected or (reason and kind.reason not in reason) or (reason and is_taken(value)):
            surprises[kind.name] = reason
    assert surprises == {}
