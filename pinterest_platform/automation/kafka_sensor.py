"""Asks for the days that new records in Kafka touch, and for those that a landing of another day has met records of.

Belongs here: what Dagster is told after a look at the topic. Does not belong here: which days those are (`batch.news`).
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

import dagster as dg
from dagster import DagsterInstance, RunsFilter

from pinterest_platform.assets.slices import BACKFILL, DAILY
from pinterest_platform.assets.topic import TOPIC
from pinterest_platform.automation.jobs import BATCH_JOB
from pinterest_platform.automation.sensors import IN_PROGRESS
from pinterest_platform.batch.grown_days import marks_of
from pinterest_platform.batch.news import MOST_DAYS, Cursor, News, look
from pinterest_platform.settings import Settings
from pinterest_platform.stores.kafka import TopicUnavailableError, open_topic
from pinterest_platform.stores.s3 import ObjectStore, S3UnavailableError, open_bucket

_PARTITION = "dagster/partition"
_FIRST, _LAST = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
_DAYS_A_RUN = BACKFILL.max_partitions_per_run or 1


@dg.sensor(job_name=BATCH_JOB, minimum_interval_seconds=30, default_status=dg.DefaultSensorStatus.RUNNING)
def new_pins_in_kafka(
    context: dg.SensorEvaluationContext, settings: dg.ResourceParam[Settings]
) -> dg.SensorResult | dg.SkipReason:
    """Run the batch for days with records that S3 lacks. It looks at offsets only: nothing is consumed or committed."""
    bucket = open_bucket(settings)
    cursor = Cursor.decode(context.cursor) if context.cursor else None
    try:
        with open_topic(settings, timeout_seconds=5) as topic:
            pause = timedelta(seconds=settings.open_day_pause_seconds)
            news = look(topic, bucket, cursor, running_days(context.instance), datetime.now(UTC), pause)
    except (TopicUnavailableError, S3UnavailableError) as error:
        return dg.SkipReason(str(error))
    if news.older_days:
        context.log.warning(f"There are records older than {MOST_DAYS} days. Run a backfill for their days.")
    requests = list(_requests(bucket, news))
    return dg.SensorResult(
        run_requests=requests,
        cursor=news.cursor.encode(),
        asset_events=[_observation(news)] if news.new_records else [],
        skip_reason=None if requests else _skip_reason(news),
    )


def running_days(instance: DagsterInstance) -> set[date]:
    """The days of all runs that are queued or under way."""
    runs = instance.get_runs(RunsFilter(statuses=IN_PROGRESS))
    return {day for run in runs for day in _days_of(run.tags)}


def _days_of(tags: Mapping[str, str]) -> list[date]:
    first, last = tags.get(_FIRST, tags.get(_PARTITION)), tags.get(_LAST, tags.get(_PARTITION))
    if not first or not last:
        return []
    start, end = date.fromisoformat(first), date.fromisoformat(last)
    return [start + timedelta(days=number) for number in range((end - start).days + 1)]


def _requests(bucket: ObjectStore, news: News) -> Iterator[dg.RunRequest]:
    """A run for each stretch of days. Its key says what it is for: the same is asked for once, also when it fails."""
    ends = sorted(news.end_offsets.items())
    for days in stretches(news.days):
        yield _request(days, [news.cursor.topic_id, str(ends)])
    for days in stretches(news.grown):
        yield _request(days, [mark for day in days for mark in marks_of(bucket, day)])


def _request(days: Sequence[date], because: Iterable[str]) -> dg.RunRequest:
    first, last = days[0].isoformat(), days[-1].isoformat()
    reason = hashlib.sha256("\n".join(because).encode()).hexdigest()[:16]
    if first == last:
        return dg.RunRequest(run_key=f"{first}@{reason}", partition_key=first)
    return dg.RunRequest(run_key=f"{first}--{last}@{reason}", tags={_FIRST: first, _LAST: last})


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


def _observation(news: News) -> dg.AssetObservation:
    return dg.AssetObservation(
        asset_key=TOPIC,
        metadata={
            "new_records": news.new_records,
            "records": sum(news.end_offsets.values()),
            "end_offsets": dg.MetadataValue.json({str(number): end for number, end in news.end_offsets.items()}),
            "days_to_land": ", ".join(map(str, sorted(news.days | news.cursor.waiting))) or "none",
        },
    )


def _skip_reason(news: News) -> str:
    if news.cursor.waiting:
        days = ", ".join(map(str, sorted(news.cursor.waiting)))
        return f"{days}: has new records, and is being run, or was a short while ago."
    return "Every record in Kafka has been landed."
