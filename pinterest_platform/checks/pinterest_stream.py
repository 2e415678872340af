"""Checks of the stream: that it keeps up, stores every record once, counts profiles right, and agrees with the batch.

Belongs here: what Dagster is told. Each is a read; none stands in the stream's way. Does not belong here: how lag,
profiles and parity are worked out (`stream`, `batch.stream_parity`).
"""

from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg

from pinterest_platform.assets.pinterest_batch import pinterest_batch
from pinterest_platform.assets.slices import DAILY
from pinterest_platform.assets.stream_events import PROFILES, STREAM
from pinterest_platform.batch.accounting import is_closed
from pinterest_platform.batch.stream_parity import compare_with_stream
from pinterest_platform.checks.verdict import STILL_OPEN, verdict
from pinterest_platform.pins.days import today
from pinterest_platform.pins.plausibility import Finding
from pinterest_platform.settings import Settings
from pinterest_platform.stores.postgres import connect
from pinterest_platform.stream.lag import measure_lag
from pinterest_platform.stream.ownership import read_heartbeat
from pinterest_platform.stream.profiles import differing_profiles

_KAFKA_SECONDS = 10.0
_SILENT_SECONDS = 60.0
_NAMED = 5
_REPEATED = """
    SELECT kafka_partition, kafka_offset FROM pinterest_stream WHERE ingest_date >= %s
    GROUP BY 1, 2 HAVING count(*) > 1 ORDER BY 1, 2"""


@dg.asset_check(asset=STREAM)
def the_stream_keeps_up(settings: dg.ResourceParam[Settings]) -> dg.AssetCheckResult:
    """Few records are posted and not stored yet (`PINTEREST_STREAM_LAG_LIMIT_RECORDS`)."""
    lag, limit = measure_lag(settings, _KAFKA_SECONDS), settings.stream_lag_limit_records
    problem = f"{lag.records:,} records wait, more than {limit:,}." if lag.records > limit else None
    return _result(Finding({"lag_records": lag.records, "lag_seconds": round(lag.seconds, 3)}, problem))


@dg.asset_check(asset=STREAM)
def the_stream_is_fresh(settings: dg.ResourceParam[Settings]) -> dg.AssetCheckResult:
    """It shows that it lives, and no record waits for long (`PINTEREST_STREAM_LAG_LIMIT_SECONDS`)."""
    lag, limit = measure_lag(settings, _KAFKA_SECONDS), settings.stream_lag_limit_seconds
    with closing(connect(settings, autocommit=True)) as connection:
        heartbeat = read_heartbeat(connection, settings.kafka_topic)
    problem = None
    if heartbeat is None:
        problem = "It has never run. Switch the sensor keep_streaming on."
    elif heartbeat.silent_seconds > _SILENT_SECONDS:
        problem = f"Its heart stopped {heartbeat.silent_seconds:,.0f} s ago. Is the sensor keep_streaming on?"
    elif lag.seconds > limit:
        problem = f"The oldest record waits for {lag.seconds:,.1f} s, longer than {limit:,.0f} s."
    return _result(Finding({"lag_seconds": round(lag.seconds, 3)}, problem))


@dg.asset_check(asset=STREAM)
def no_record_is_stored_twice(settings: dg.ResourceParam[Settings]) -> dg.AssetCheckResult:
    """No (partition, offset) stands twice in the last two days. Within a day the primary key sees to it."""
    with closing(connect(settings, autocommit=True)) as connection:
        rows: list[Any] = connection.execute(_REPEATED, [today() - timedelta(days=1)]).fetchall()
    return _result(Finding({"repeated": len(rows)}, f"Stored twice: {_in_words(rows)}." if rows else None))


@dg.asset_check(asset=PROFILES)
def profiles_equal_a_recount(settings: dg.ResourceParam[Settings]) -> dg.AssetCheckResult:
    """Each profile's posts, followers and last post are what `pinterest_stream` gives when it is counted anew."""
    with closing(connect(settings, autocommit=True)) as connection:
        names = differing_profiles(connection)
    examples = ", ".join(names[:_NAMED])
    problem = f"{len(names):,} profiles differ: {examples}. Run the job rebuild_profile_popularity." if names else None
    return _result(Finding({"different_profiles": len(names)}, problem))


@dg.asset_check(asset=pinterest_batch, partitions_def=DAILY)
def the_stream_has_the_same_rows(
    context: dg.AssetCheckExecutionContext, settings: dg.ResourceParam[Settings]
) -> dg.AssetCheckResult:
    """Every clean row of a closed day stands in `pinterest_stream` with the same values, and no other does."""
    return verdict(context, lambda day: parity_finding(settings, day, datetime.now(UTC)))


def parity_finding(settings: Settings, day: date, now: datetime) -> Finding:
    """The day's parity. A day that is still open is not compared: both paths are on their way."""
    if not is_closed(day, now):
        return STILL_OPEN
    parity = compare_with_stream(settings, day)
    if parity is None:
        return Finding({"compared": "no, the stream has not run, or does not keep the day any more"})
    facts = {
        "compared_rows": parity.rows,
        "different": len(parity.different),
        "only_in_stream": len(parity.only_in_stream),
    }
    problems = []
    if parity.different:
        problems.append(f"The stream lacks or differs in {_in_words(parity.different)}.")
    if parity.only_in_stream:
        problems.append(f"Only the stream has {_in_words(parity.only_in_stream)}.")
    return Finding(facts, " ".join(problems) or None)


def _in_words(coordinates: Any) -> str:
    named = ", ".join(f"partition {partition} offset {offset}" for partition, offset in coordinates[:_NAMED])
    more = len(coordinates) - _NAMED
    return f"{named} and {more:,} more" if more > 0 else named


def _result(finding: Finding) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=finding.problem is None, description=finding.problem, metadata=dict(finding.facts)
    )
