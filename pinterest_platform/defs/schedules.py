"""When things run: the batch once a day, for the day before, and the stream's checks every hour.

Missed ticks are not caught up; a backfill does that.
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
    """Materialise the day before at 10:00 UTC."""
    yesterday = context.scheduled_execution_time.date() - timedelta(days=1)
    return dg.RunRequest(run_key=yesterday.isoformat(), partition_key=yesterday.isoformat())


# Between two runs the heartbeat and the freshness policy watch: the checks read every row, and start a process.
hourly_stream_checks = dg.ScheduleDefinition(
    name="hourly_stream_checks",
    cron_schedule="7 * * * *",
    job_name=STREAM_CHECK_JOB,
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
