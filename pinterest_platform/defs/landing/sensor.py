"""Sensors that request runs: for days with unread records in Kafka, and for days with a rerun request.

`landing.change_detection` finds the days, `defs.landing.attempts` reads how their last runs ended.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

import dagster as dg
from dagster import DagsterInstance, RunsFilter

from pinterest_platform.defs.asset_keys import TOPIC
from pinterest_platform.defs.jobs import BATCH_JOB, MISDATED_JOB
from pinterest_platform.defs.landing.attempts import (
    NONE,
    RANGE_END,
    RANGE_START,
    Attempts,
    attempts_by_day,
    attempts_of_job,
    days_of_tags,
)
from pinterest_platform.defs.maintenance import IN_PROGRESS
from pinterest_platform.defs.partitions import BACKFILL, DAILY
from pinterest_platform.landing.change_detection import Changes, Cursor, detect
from pinterest_platform.landing.rerun_requests import rerun_requests_of
from pinterest_platform.pins.calendar import MISDATED_DAY
from pinterest_platform.settings import Settings
from pinterest_platform.stores.kafka import TopicUnavailableError, open_topic
from pinterest_platform.stores.s3 import S3UnavailableError, open_bucket

# Tag of every requested run: the number of the attempt since the day's last success.
ATTEMPT = "pinterest/attempt"
_DAYS_A_RUN = BACKFILL.max_partitions_per_run or 1


@dg.sensor(job_name=BATCH_JOB, minimum_interval_seconds=30, default_status=dg.DefaultSensorStatus.RUNNING)
def new_pins_in_kafka(
    context: dg.SensorEvaluationContext, settings: dg.ResourceParam[Settings]
) -> dg.SensorResult | dg.SkipReason:
    """Requests the batch for days with records that S3 lacks, and again for days whose run has failed.

    The sensor only compares offsets. It consumes and commits nothing.
    """
    cursor, now = Cursor.decode(context.cursor) if context.cursor else None, datetime.now(UTC)
    attempts = attempts_by_day(context.instance)
    undone = {day for day, of_day in attempts.items() if of_day.is_undone}
    held_back = running_days(context.instance) | {day for day, of_day in attempts.items() if of_day.hold_back(now)}
    try:
        with open_topic(settings, timeout_seconds=5) as topic:
            pause = timedelta(seconds=settings.open_day_pause_seconds)
            changes = detect(topic, open_bucket(settings), cursor, held_back, now, pause, undone)
    except (TopicUnavailableError, S3UnavailableError) as error:
        return dg.SkipReason(str(error))
    requests = list(_requests(changes.days, attempts, now.date()))
    failed = failed_attempts(changes, attempts)
    has_changes = changes.new_records or failed != (cursor.failed_attempts if cursor else {})
    return dg.SensorResult(
        run_requests=requests,
        cursor=changes.cursor.with_failed_attempts(failed).encode(),
        asset_events=[_observation(changes, failed)] if has_changes else [],
        skip_reason=None if requests else _skip_reason(changes, failed),
    )


@dg.sensor(job_name=MISDATED_JOB, minimum_interval_seconds=30, default_status=dg.DefaultSensorStatus.RUNNING)
def new_misdated_records(
    context: dg.SensorEvaluationContext, settings: dg.ResourceParam[Settings]
) -> dg.RunRequest | dg.SkipReason:
    """Requests a run of the job `misdated` when landing has found records with an implausible timestamp."""
    try:
        rerun_requests = rerun_requests_of(open_bucket(settings), MISDATED_DAY)
    except S3UnavailableError as error:
        return dg.SkipReason(str(error))
    if not rerun_requests:
        return dg.SkipReason("No new records with an implausible timestamp since the last run.")
    now, attempts = datetime.now(UTC), attempts_of_job(context.instance, MISDATED_JOB)
    if attempts.hold_back(now) or context.instance.get_runs(RunsFilter(job_name=MISDATED_JOB, statuses=IN_PROGRESS)):
        return dg.SkipReason(f"A run is in progress, or {attempts.failed} runs in a row failed and the pause is on.")
    return dg.RunRequest(
        run_key=f"{_digest([attempts.last_run, *rerun_requests])}", tags={ATTEMPT: str(attempts.failed + 1)}
    )


def running_days(instance: DagsterInstance) -> set[date]:
    """The days of all runs that are queued or in progress."""
    runs = instance.get_runs(RunsFilter(statuses=IN_PROGRESS))
    return {day for run in runs for day in days_of_tags(run.tags)}


def failed_attempts(changes: Changes, attempts: Mapping[date, Attempts]) -> dict[date, int]:
    """For each requested day, how often in a row its runs have failed. Days without failures are left out."""
    asked_for = sorted(changes.days | changes.waiting)
    return {day: failed for day in asked_for if (failed := attempts.get(day, NONE).failed)}


def _requests(days: Iterable[date], attempts: Mapping[date, Attempts], today: date) -> Iterator[dg.RunRequest]:
    """One run per stretch of days. A day that has failed gets a run of its own, so that it holds no other day back."""
    has_failed = {day for day in days if attempts.get(day, NONE).failed}
    alone = [[day] for day in sorted(has_failed) if DAILY.has_partition_key(day.isoformat())]
    for stretch in [*alone, *stretches(set(days) - has_failed)]:
        yield _request(stretch, [attempts.get(day, NONE) for day in stretch], today)


def _request(days: Sequence[date], attempts: Sequence[Attempts], today: date) -> dg.RunRequest:
    """The run key contains the previous run, so the same request is made only once until that run is followed by
    another.
    """
    attempt = max(before.failed for before in attempts) + 1
    key = f"{attempt}-{_digest([today.isoformat(), *(before.last_run for before in attempts)])}"
    first, last, tags = days[0].isoformat(), days[-1].isoformat(), {ATTEMPT: str(attempt)}
    if first == last:
        return dg.RunRequest(run_key=f"{first}@{key}", partition_key=first, tags=tags)
    return dg.RunRequest(run_key=f"{first}--{last}@{key}", tags={RANGE_START: first, RANGE_END: last} | tags)


def _digest(reasons: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(reasons).encode()).hexdigest()[:16]


def stretches(days: Iterable[date]) -> list[list[date]]:
    """The days in order, split at gaps and at the maximum length of a run. Days outside the partitions are dropped."""
    found: list[list[date]] = []
    for day in sorted(days):
        if not DAILY.has_partition_key(day.isoformat()):
            continue
        if found and day - found[-1][-1] == timedelta(days=1) and len(found[-1]) < _DAYS_A_RUN:
            found[-1].append(day)
        else:
            found.append([day])
    return found


def _observation(changes: Changes, failed: Mapping[date, int]) -> dg.AssetObservation:
    return dg.AssetObservation(
        asset_key=TOPIC,
        metadata={
            "new_records": changes.new_records,
            "records": sum(changes.end_offsets.values()),
            "end_offsets": dg.MetadataValue.json({str(number): end for number, end in changes.end_offsets.items()}),
            "days_to_land": ", ".join(map(str, sorted(changes.days | changes.waiting))) or "none",
            # For days still requested: failures in a row.
            "failed_attempts": dg.MetadataValue.json({day.isoformat(): times for day, times in failed.items()}),
        },
    )


def _skip_reason(changes: Changes, failed: Mapping[date, int]) -> str:
    if failed:
        days = ", ".join(f"{day} (failed {times} times)" for day, times in failed.items())
        return f"{days}: requested again after a pause."
    if changes.waiting:
        days = ", ".join(map(str, sorted(changes.waiting)))
        return f"{days}: new records, but a run is in progress or ended a short while ago."
    return "Every record in Kafka has been landed, and every requested day is done."
