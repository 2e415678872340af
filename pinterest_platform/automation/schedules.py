"""When the batch runs: once a day, for the day before. Missed ticks are not caught up; a backfill does that."""

from datetime import timedelta

import dagster as dg

from pinterest_platform.automation.jobs import BATCH_JOB


@dg.schedule(
    cron_schedule="0 10 * * *",
    execution_timezone="UTC",
    job_name=BATCH_JOB,
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def daily_batch_at_ten(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Materialise the day before at 10:00 UTC."""
    yesterday = context.scheduled_execution_time.date() - timedelta(days=1)
    return dg.RunRequest(run_key=yesterday.isoformat(), partition_key=yesterday.isoformat())
