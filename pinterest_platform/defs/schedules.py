"""Schedules: the batch once a day, the stream's checks every hour.

Missed ticks are not caught up; run a backfill for them.
"""

from datetime import timedelta

import dagster as dg

from pinterest_platform.defs.jobs import BATCH_JOB, STREAM_CHECK_JOB


@dg.schedule(
    cron_schedule="0 10 * * *",
    execution_timezone="UTC",
    job_name=BATCH_JOB,
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def daily_batch_at_ten(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Runs the batch of the day before, at 10:00 UTC."""
    yesterday = context.scheduled_execution_time.date() - timedelta(days=1)
    return dg.RunRequest(run_key=yesterday.isoformat(), partition_key=yesterday.isoformat())


# Hourly is enough: the checks read every row, and heartbeat and freshness policy watch in between.
hourly_stream_checks = dg.ScheduleDefinition(
    name="hourly_stream_checks",
    cron_schedule="7 * * * *",
    job_name=STREAM_CHECK_JOB,
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
