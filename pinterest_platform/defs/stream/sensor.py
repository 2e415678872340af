"""Keeps the stream running: the sensor that starts it, finds a dead run by its heartbeat, and is the switch to stop it.

Belongs here: the judgement about a run, and what Dagster is told. Does not belong here: the heartbeat itself
(`stream.lease`) and runs of other jobs (`defs.maintenance`).
"""

import time
from collections.abc import Sequence
from contextlib import closing

import dagster as dg
import psycopg
from dagster import DagsterRunStatus, RunRecord, RunsFilter

from pinterest_platform.defs.jobs import STREAM_JOB
from pinterest_platform.defs.maintenance import (
    ENDED,
    IN_PROGRESS,
    WITH_A_PROCESS,
    fail_run,
    free_pools_of_ended_runs,
)
from pinterest_platform.settings import Settings
from pinterest_platform.stores.postgres import connect
from pinterest_platform.stream.lease import Heartbeat, read_heartbeat
from pinterest_platform.stream.outages import outage_of

SILENT_SECONDS = 12.0  # six beats
# After PostgreSQL was away, the run has to find that out and come back before its silence means anything.
GRACE_SECONDS = 30.0
# A run beats as soon as it has taken the stream over, which comes before Spark is started. It waits for Kafka and
# PostgreSQL only afterwards.
FIRST_HEARTBEAT_SECONDS = 45.0
PROCESS_SECONDS = 60.0
# A run that fails so soon has met something that another one will meet as well.
_AT_ONCE_SECONDS = 20.0
_FREE_ATTEMPTS = 2
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 15.0, 600.0
_LOOKED_BACK = 10


@dg.sensor(job_name=STREAM_JOB, minimum_interval_seconds=5, default_status=dg.DefaultSensorStatus.RUNNING)
def keep_streaming(
    context: dg.SensorEvaluationContext, settings: dg.ResourceParam[Settings]
) -> dg.RunRequest | dg.SkipReason:
    """The switch of the stream. On: it is started when it does not run, also after it was killed. Off: it ends."""
    under_way = context.instance.get_run_records(RunsFilter(job_name=STREAM_JOB, statuses=IN_PROGRESS))
    try:
        heartbeat = _heartbeat(settings)
    except psycopg.Error as error:
        outage = outage_of(error, settings)
        if outage is None:
            raise  # told as what it is, as a failed tick
        return dg.SkipReason(f"The stream has nowhere to stream to. {outage}")
    for record in under_way:
        reason = cause_of_death(record, heartbeat, time.time())
        if reason is None:
            return dg.SkipReason(f"The stream is run {record.dagster_run.run_id}.")
        fail_run(context.instance, record.dagster_run, reason)
    seconds = 0.0 if under_way else pause_before_next(_ended(context.instance), time.time())
    if seconds > 0:
        return dg.SkipReason(
            f"It failed several times as soon as it had begun. The next attempt is in {seconds:.0f} s."
        )
    free_pools_of_ended_runs(context.instance)
    return dg.RunRequest()


def cause_of_death(record: RunRecord, heartbeat: Heartbeat | None, now: float) -> str | None:
    """Why the run must be dead, as a sentence; None where it lives, or nobody can know."""
    run = record.dagster_run
    if run.status == DagsterRunStatus.STARTING:
        waited = now - record.update_timestamp.timestamp()
        return f"Its process has not begun within {waited:.0f} s." if waited > PROCESS_SECONDS else None
    if run.status not in WITH_A_PROCESS or (heartbeat and heartbeat.server_up_seconds < GRACE_SECONDS):
        return None
    if heartbeat and heartbeat.owner == run.run_id:
        silent = heartbeat.silent_seconds
        is_silent = silent > SILENT_SECONDS
        return f"No sign of life for {silent:.0f} s: its process or its JVM is gone." if is_silent else None
    since = now - (record.start_time or now)
    return f"No sign of life within {since:.0f} s of its start." if since > FIRST_HEARTBEAT_SECONDS else None


def pause_before_next(ended: Sequence[RunRecord], now: float) -> float:
    """Seconds until the next attempt, given the runs that have ended, the newest first; longer after each failure."""
    failures = 0
    for record in ended:
        if not _failed_at_once(record):
            break
        failures += 1
    if failures <= _FREE_ATTEMPTS:
        return 0.0
    pause = min(_FIRST_PAUSE_SECONDS * 2.0 ** (failures - _FREE_ATTEMPTS - 1), _LONGEST_PAUSE_SECONDS)
    return max(0.0, (ended[0].end_time or now) + pause - now)


def _failed_at_once(record: RunRecord) -> bool:
    if record.dagster_run.status != DagsterRunStatus.FAILURE:
        return False
    began, ended = record.start_time, record.end_time
    return began is None or ended is None or ended - began < _AT_ONCE_SECONDS


def _ended(instance: dg.DagsterInstance) -> Sequence[RunRecord]:
    return instance.get_run_records(RunsFilter(job_name=STREAM_JOB, statuses=ENDED), limit=_LOOKED_BACK)


def _heartbeat(settings: Settings) -> Heartbeat | None:
    """None also where the tables are not there yet: the first run makes them."""
    with closing(connect(settings, autocommit=True)) as connection:
        try:
            return read_heartbeat(connection, settings.kafka_topic)
        except psycopg.errors.UndefinedTable:
            return None
