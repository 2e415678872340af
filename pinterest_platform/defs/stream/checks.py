"""Checks of the stream: lag, freshness, duplicates, reused event ids, and profiles. They only read.

Whether stream and batch agree is checked with `pinterest_batch`.
"""

from contextlib import closing
from datetime import timedelta
from typing import Any, cast

import dagster as dg

from pinterest_platform.defs.asset_keys import PROFILES, STREAM
from pinterest_platform.defs.check_results import conflicts_finding, coordinates_in_words, result
from pinterest_platform.findings import Finding
from pinterest_platform.pins.calendar import today
from pinterest_platform.settings import Settings
from pinterest_platform.stores.postgres import connect
from pinterest_platform.stream.lag import measure_lag
from pinterest_platform.stream.lease import read_heartbeat
from pinterest_platform.stream.profiles import RecountUnderWayError, differing_profiles

_KAFKA_SECONDS = 10.0
_SILENT_SECONDS = 60.0
_NAMED = 5
_REPEATED = """
    SELECT kafka_partition, kafka_offset FROM pinterest_stream WHERE ingest_date >= %s
    GROUP BY 1, 2 HAVING count(*) > 1 ORDER BY 1, 2"""
# Yesterday and today only: for an older day, the batch has a check of its own.
_COUNT_CONFLICTS = "SELECT count(*) FROM stream_conflicts WHERE ingest_date >= %s::date - 1"
_CONFLICTS = """
    SELECT kafka_partition, kafka_offset, other_partition, other_offset FROM stream_conflicts
    WHERE ingest_date >= %s::date - 1 ORDER BY ingest_date DESC, kafka_partition, kafka_offset LIMIT %s"""


@dg.asset_check(asset=STREAM)
def the_stream_keeps_up(settings: dg.ResourceParam[Settings]) -> dg.AssetCheckResult:
    """Few records in Kafka are not yet stored (limit: `PINTEREST_STREAM_LAG_LIMIT_RECORDS`)."""
    lag, limit = measure_lag(settings, _KAFKA_SECONDS), settings.stream_lag_limit_records
    problem = f"{lag.records:,} records wait, more than {limit:,}." if lag.records > limit else None
    return result(Finding({"lag_records": lag.records, "lag_seconds": round(lag.seconds, 3)}, problem))


@dg.asset_check(asset=STREAM)
def the_stream_is_fresh(settings: dg.ResourceParam[Settings]) -> dg.AssetCheckResult:
    """The stream sends its heartbeat, and no record waits for long (limit: `PINTEREST_STREAM_LAG_LIMIT_SECONDS`)."""
    lag, limit = measure_lag(settings, _KAFKA_SECONDS), settings.stream_lag_limit_seconds
    with closing(connect(settings, autocommit=True)) as connection:
        heartbeat = read_heartbeat(connection, settings.kafka_topic)
    problem = None
    if heartbeat is None:
        problem = "The stream has never run. Switch the sensor keep_streaming on."
    elif heartbeat.silent_seconds > _SILENT_SECONDS:
        problem = f"The last heartbeat was {heartbeat.silent_seconds:,.0f} s ago. Is the sensor keep_streaming on?"
    elif lag.seconds > limit:
        problem = f"The oldest record has waited for {lag.seconds:,.1f} s, longer than {limit:,.0f} s."
    return result(Finding({"lag_seconds": round(lag.seconds, 3)}, problem))


@dg.asset_check(asset=STREAM)
def no_record_is_stored_twice(settings: dg.ResourceParam[Settings]) -> dg.AssetCheckResult:
    """No (partition, offset) is stored twice in the last two days. Within one day the primary key prevents it."""
    with closing(connect(settings, autocommit=True)) as connection:
        rows: list[Any] = connection.execute(_REPEATED, [today() - timedelta(days=1)]).fetchall()
    return result(Finding({"repeated": len(rows)}, f"Stored twice: {coordinates_in_words(rows)}." if rows else None))


@dg.asset_check(asset=STREAM)
def event_ids_stay_with_their_events(settings: dg.ResourceParam[Settings]) -> dg.AssetCheckResult:
    """No `event_id` was used within seven days for another pin or other content. Records that do so are stored."""
    with closing(connect(settings, autocommit=True)) as connection:
        [(conflicts,)] = cast("list[tuple[int]]", connection.execute(_COUNT_CONFLICTS, [today()]).fetchall())
        examples: list[Any] = connection.execute(_CONFLICTS, [today(), _NAMED]).fetchall()
    return result(conflicts_finding(conflicts, examples), dg.AssetCheckSeverity.WARN)


@dg.asset_check(asset=PROFILES)
def profiles_equal_a_recount(settings: dg.ResourceParam[Settings]) -> dg.AssetCheckResult:
    """Posts, followers and last post of every profile equal a recount of `pinterest_stream`."""
    with closing(connect(settings, autocommit=True)) as connection:
        try:
            names = differing_profiles(connection)
        except RecountUnderWayError:
            return result(Finding({"compared": "not now, another recount is in progress"}))
    examples = ", ".join(names[:_NAMED])
    problem = f"{len(names):,} profiles differ: {examples}. Run the job rebuild_profile_popularity." if names else None
    return result(Finding({"different_profiles": len(names)}, problem))
