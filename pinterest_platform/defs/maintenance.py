"""Repair: a job that recounts profiles, and a sensor that ends runs whose process was killed."""

import dagster as dg
import psutil
from dagster import DagsterRun, DagsterRunStatus, RunsFilter

from pinterest_platform.settings import Settings
from pinterest_platform.stream.profiles import rebuild_profiles


@dg.op
def count_profiles_anew(context: dg.OpExecutionContext, settings: dg.ResourceParam[Settings]) -> None:
    """Recount `profile_popularity` from `pinterest_stream`. Readers see the old rows until it is done."""
    context.log.info(f"Recounted {rebuild_profiles(settings):,} profiles.")


@dg.job(description="Recounts profile_popularity from pinterest_stream. The stream waits until it is done.")
def rebuild_profile_popularity() -> None:
    count_profiles_anew()


IN_PROGRESS = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]
ENDED = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]
WITH_A_PROCESS = [DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]


@dg.sensor(minimum_interval_seconds=10, default_status=dg.DefaultSensorStatus.RUNNING)
def fail_lost_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Marks runs as failed whose process is gone, and frees the pool slots that ended runs still hold."""
    records = context.instance.get_run_records(RunsFilter(statuses=WITH_A_PROCESS))
    lost = [record.dagster_run for record in records if _has_lost_its_process(context.instance, record)]
    for run in lost:
        fail_run(context.instance, run, "Its process is gone: it was killed, or the machine was restarted.")
    free_pools_of_ended_runs(context.instance)
    names = ", ".join(run.run_id for run in lost)
    return dg.SkipReason(f"Marked as failed: {names}." if lost else "Every run in progress has a live process.")


def fail_run(instance: dg.DagsterInstance, run: DagsterRun, reason: str) -> None:
    """Mark a run as failed whose process can no longer do so itself."""
    current = instance.get_run_by_id(run.run_id)
    if current is None or current.is_finished:
        return  # another sensor was faster
    instance.report_run_failed(run, reason)


def free_pools_of_ended_runs(instance: dg.DagsterInstance) -> None:
    """Free the pool slots of ended runs; otherwise the next run would wait for them forever.

    A step frees its own slot, unless it was killed. Then Dagster reports the run as failed and keeps the slot.
    """
    storage = instance.event_log_storage
    if not storage.supports_global_concurrency_limits:
        return
    if holders := list(storage.get_concurrency_run_ids()):
        for run in instance.get_runs(RunsFilter(run_ids=holders, statuses=ENDED)):
            storage.free_concurrency_slots_for_run(run.run_id)


def _has_lost_its_process(instance: dg.DagsterInstance, record: dg.RunRecord) -> bool:
    pid = _process_of(instance, record.dagster_run)
    if pid is None or record.start_time is None:
        return False
    try:
        process = psutil.Process(pid)
        # A process that was created after the run began has inherited the number, unless the clock was set meanwhile.
        # Dagster's workers are recognised, so that setting the clock ends no run.
        return process.create_time() > record.start_time and not _is_a_worker(process)
    except psutil.NoSuchProcess:
        return True


def _is_a_worker(process: psutil.Process) -> bool:
    """Whether Dagster's code server has started the process for a run."""
    return any("multiprocessing" in part or "dagster" in part for part in process.cmdline())


def _process_of(instance: dg.DagsterInstance, run: DagsterRun) -> int | None:
    """The pid that the run's worker reported when it started."""
    events = instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT, limit=10).records
    for event in events:
        dagster_event = event.event_log_entry.dagster_event
        pid = dagster_event.engine_event_data.metadata.get("pid") if dagster_event else None
        if pid is not None:
            return int(str(pid.value))
    return None
