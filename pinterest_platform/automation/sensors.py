"""What is watched: runs whose process is gone, and a stream that should run and does not."""

import dagster as dg
import psutil
from dagster import DagsterRun, DagsterRunStatus, RunsFilter

from pinterest_platform.automation.jobs import STREAM_JOB

IN_PROGRESS = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]
WITH_A_PROCESS = [DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]


@dg.sensor(job_name=STREAM_JOB, minimum_interval_seconds=10, default_status=dg.DefaultSensorStatus.RUNNING)
def keep_streaming(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Start the stream when no run of it is in progress. Switch this sensor off to stop the stream on purpose."""
    under_way = context.instance.get_run_records(RunsFilter(job_name=STREAM_JOB, statuses=IN_PROGRESS), limit=1)
    if under_way:
        return dg.SkipReason(f"The stream is run {under_way[0].dagster_run.run_id}.")
    return dg.RunRequest()


@dg.sensor(minimum_interval_seconds=10, default_status=dg.DefaultSensorStatus.RUNNING)
def fail_lost_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Mark runs as failed whose process has died without a word, so that what they held becomes free."""
    records = context.instance.get_run_records(RunsFilter(statuses=WITH_A_PROCESS))
    lost = [record.dagster_run for record in records if _has_lost_its_process(context.instance, record)]
    for run in lost:
        context.instance.report_run_failed(run, "Its process is gone: it was killed, or the machine was restarted.")
    names = ", ".join(run.run_id for run in lost)
    return dg.SkipReason(f"Marked as failed: {names}." if lost else "Every run in progress has its process.")


def _has_lost_its_process(instance: dg.DagsterInstance, record: dg.RunRecord) -> bool:
    pid = _process_of(instance, record.dagster_run)
    if pid is None or record.start_time is None:
        return False
    try:
        # A process that was born after the run began has inherited the number, not the work.
        return psutil.Process(pid).create_time() > record.start_time
    except psutil.NoSuchProcess:
        return True


def _process_of(instance: dg.DagsterInstance, run: DagsterRun) -> int | None:
    """The pid that the run's worker reported when it started."""
    events = instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT, limit=10).records
    for event in events:
        dagster_event = event.event_log_entry.dagster_event
        pid = dagster_event.engine_event_data.metadata.get("pid") if dagster_event else None
        if pid is not None:
            return int(str(pid.value))
    return None
