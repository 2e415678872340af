"""Requests runs of the days that have unread records in Kafka, and of the days with a rerun request.

Which days those are is `landing.change_detection`; what became of their runs is `defs.landing.attempts`.
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
    days_of,
)
from pinterest_platform.defs.maintenance import IN_PROGRESS
from pinterest_platform.defs.partitions import BACKFILL, DAILY
from pinterest_platform.landing.change_detection import Changes, Cursor, detect
from pinterest_platform.landing.rerun_requests import rerun_requests_of
from pinterest_platform.pins.calendar import MISDATED_DAY
from pinterest_platform.settings import Settings
from pinterest_platform.stores.kafka import TopicUnavailableError, open_topic
from pinterest_platform.stores.s3 import S3UnavailableError, open_bucket

# On every run that is asked for: which attempt it is since the day last came to its end.
ATTEMPT = "pinterest/attempt"
_DAYS_A_RUN = BACKFILL.max_partitions_per_run or 1


@dg.sensor(job_name=BATCH_JOB, minimum_interval_seconds=30, default_status=dg.DefaultSensorStatus.RUNNING)
def new_pins_in_kafka(
    context: dg.SensorEvaluationContext, settings: dg.ResourceParam[Settings]
) -> dg.SensorResult | dg.SkipReason:
    """Run the batch for days with records that S3 lacks, and again for days whose run has failed.

    It looks at offsets only: nothing is consumed or committed.
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
    """Clean and show the records whose timestamp is not plausible, when a landing has met some."""
    try:
        rerun_requests = rerun_requests_of(open_bucket(settings), MISDATED_DAY)
    except S3UnavailableError as error:
        return dg.SkipReason(str(error))
    if not rerun_requests:
        return dg.SkipReason("No landing has met a record whose timestamp is not plausible since they were last shown.")
    now, attempts = datetime.now(UTC), attempts_of_job(context.instance, MISDATED_JOB)
    if attempts.hold_back(now) or context.instance.get_runs(RunsFilter(job_name=MISDATED_JOB, statuses=IN_PROGRESS)):
        return dg.SkipReason(f"It is being run, or has failed {attempts.failed} times and is asked for again later.")
    return dg.RunRequest(
        run_key=f"{_digest([attempts.last_run, *rerun_requests])}", tags={ATTEMPT: str(attempts.failed + 1)}
    )


def running_days(instance: DagsterInstance) -> set[date]:
    """The days of all runs that are queued or under way."""
    runs = instance.get_runs(RunsFilter(statuses=IN_PROGRESS))
    return {day for run in runs for day in days_of(run.tags)}


def failed_attempts(changes: Changes, attempts: Mapping[date, Attempts]) -> dict[date, int]:
    """How often in a row the runs of each day have failed that is still asked for."""
    asked_for = sorted(changes.days | changes.waiting)
    return {day: failed for day in asked_for if (failed := attempts.get(day, NONE).failed)}


def _requests(days: Iterable[date], attempts: Mapping[date, Attempts], today: date) -> Iterator[dg.RunRequest]:
    """A run for each stretch of days; one for each day that has failed, so that it withholds no other."""
    has_failed = {day for day in days if attempts.get(day, NONE).failed}
    alone = [[day] for day in sorted(has_failed) if DAILY.has_partition_key(day.isoformat())]
    for stretch in [*alone, *stretches(set(days) - has_failed)]:
        yield _request(stretch, [attempts.get(day, NONE) for day in stretch], today)


def _request(days: Sequence[date], attempts: Sequence[Attempts], today: date) -> dg.RunRequest:
    """The key says which run came before: while that is the last one, the same is asked for once."""
    attempt = max(before.failed for before in attempts) + 1
    key = f"{attempt}-{_digest([today.isoformat(), *(before.last_run for before in attempts)])}"
    first, last, tags = days[0].isoformat(), days[-1].isoformat(), {ATTEMPT: str(attempt)}
    if first == last:
        return dg.RunRequest(run_key=f"{first}@{key}", partition_key=first, tags=tags)
    return dg.RunRequest(run_key=f"{first}--{last}@{key}", tags={RANGE_START: first, RANGE_END: last} | tags)


def _digest(reasons: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(reasons).encode()).hexdigest()[:16]


def stretches(days: Iterable[date]) -> list[list[date]]:
    """The days in order, cut where one is missing and where a run has enough; without those of no partition."""
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
            # Of days that are still asked for: how often in a row their runs have failed.
            "failed_attempts": dg.MetadataValue.json({day.isoformat(): times for day, times in failed.items()}),
        },
    )


def _skip_reason(changes: Changes, failed: Mapping[date, int]) -> str:
    if failed:
        days = ", ".join(f"{day} (failed {times} times)" for day, times in failed.items())
        return f"{days}: asked for again after a pause."
    if changes.waiting:
        days = ", ".join(map(str, sorted(changes.waiting)))
        return f"{days}: has new records, and is being run, or was a short while ago."
    return "Every record in Kafka has been landed, and every day that was asked for is done."
