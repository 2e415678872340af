"""The sensor `keep_streaming`: starts the stream, replaces a dead run, and is the switch to stop it."""

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

SILENT_SECONDS = 12.0  # six heartbeats
# After a restart of PostgreSQL a run needs time to reconnect before its silence means anything.
GRACE_SECONDS = 30.0
# A run sends its first heartbeat before it starts Spark or waits for Kafka.
FIRST_HEARTBEAT_SECONDS = 45.0
PROCESS_SECONDS = 60.0
# A failure this early will probably happen to the next run too.
_AT_ONCE_SECONDS = 20.0
_FREE_ATTEMPTS = 2
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 15.0, 600.0
_LOOKED_BACK = 10


@dg.sensor(job_name=STREAM_JOB, minimum_interval_seconds=5, default_status=dg.DefaultSensorStatus.RUNNING)
def keep_streaming(
    context: dg.SensorEvaluationContext, settings: dg.ResourceParam[Settings]
) -> dg.RunRequest | dg.SkipReason:
    """Keeps the stream running while this sensor is on, also after a crash. Switch it off to stop the stream."""
    under_way = context.instance.get_run_records(RunsFilter(job_name=STREAM_JOB, statuses=IN_PROGRESS))
    try:
        heartbeat = _heartbeat(settings)
    except psycopg.Error as error:
        outage = outage_of(error, settings)
        if outage is None:
            raise  # no outage: let the tick fail with it
        return dg.SkipReason(f"The stream cannot start. {outage}")
    for record in under_way:
        reason = cause_of_death(record, heartbeat, time.time())
        if reason is None:
            return dg.SkipReason(f"The stream is running as run {record.dagster_run.run_id}.")
        fail_run(context.instance, record.dagster_run, reason)
    seconds = 0.0 if under_way else pause_before_next(_ended(context.instance), time.time())
    if seconds > 0:
        return dg.SkipReason(f"The last runs failed right after their start. The next attempt is in {seconds:.0f} s.")
    free_pools_of_ended_runs(context.instance)
    return dg.RunRequest()


def cause_of_death(record: RunRecord, heartbeat: Heartbeat | None, now: float) -> str | None:
    """Why the run must be dead, as a sentence; None if it lives or nobody can know."""
    run = record.dagster_run
    if run.status == DagsterRunStatus.STARTING:
        waited = now - record.update_timestamp.timestamp()
        return f"Its process did not start within {waited:.0f} s." if waited > PROCESS_SECONDS else None
    if run.status not in WITH_A_PROCESS or (heartbeat and heartbeat.server_up_seconds < GRACE_SECONDS):
        return None
    if heartbeat and heartbeat.owner == run.run_id:
        silent = heartbeat.silent_seconds
        is_silent = silent > SILENT_SECONDS
        return f"No heartbeat for {silent:.0f} s: its process or its JVM is gone." if is_silent else None
    since = now - (record.start_time or now)
    return f"No heartbeat within {since:.0f} s of its start." if since > FIRST_HEARTBEAT_SECONDS else None


def pause_before_next(ended: Sequence[RunRecord], now: float) -> float:
    """Seconds until the next attempt. The pause doubles with every run in a row that failed right after its start.

    Args:
        ended: the last ended runs, newest first.
        now: seconds since 1970.
    """
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
    """None also if the tables do not exist yet: the first run creates them."""
    with closing(connect(settings, autocommit=True)) as connection:
        try:
            return read_heartbeat(connection, settings.kafka_topic)
        except psycopg.errors.UndefinedTable:
            return None
