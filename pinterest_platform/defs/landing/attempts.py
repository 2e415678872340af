"""How often in a row the runs of a day have failed, and how long to wait before the next attempt.

It is read from Dagster's own runs, so a restart of the daemon forgets nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from dagster import DagsterInstance, DagsterRunStatus, RunRecord, RunsFilter

from pinterest_platform.defs.jobs import BATCH_JOB
from pinterest_platform.defs.maintenance import ENDED
from pinterest_platform.defs.rerun_requests import is_whole

PARTITION = "dagster/partition"
RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
# Dagster's job name for backfills and for assets materialised by hand.
_ASSET_JOB = "__ASSET_JOB"
_PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 5, 10, 30, 60))
_MOST_RUNS = 300


@dataclass(frozen=True)
class Attempts:
    """The ended runs of a day or a job: how many have failed since the last success, and which was the last.

    `is_undone`: the last run failed and was not cancelled, so its work is still to be done.
    """

    failed: int = 0
    last_run: str = ""
    last_ended: datetime | None = None
    is_undone: bool = False

    def hold_back(self, now: datetime) -> bool:
        """Whether the pause after the last failure is still running. It grows with every failure in a row."""
        if not self.failed or self.last_ended is None:
            return False
        waited = now - self.last_ended  # below 0 if the clock was ahead when the run ended
        return timedelta(0) <= waited < _PAUSES[min(self.failed, len(_PAUSES)) - 1]


NONE = Attempts()


def attempts_by_day(instance: DagsterInstance) -> dict[date, Attempts]:
    """Attempts of the whole batch by day. A day without runs is missing."""
    records = [record for name in (BATCH_JOB, _ASSET_JOB) for record in _ended(instance, name)]
    by_day: dict[date, list[RunRecord]] = {}
    for record in sorted(records, key=lambda record: record.create_timestamp, reverse=True):
        for day in days_of_tags(record.dagster_run.tags) if is_whole(record.dagster_run) else []:
            by_day.setdefault(day, []).append(record)
    return {day: in_a_row(newest_first) for day, newest_first in by_day.items()}


def attempts_of_job(instance: DagsterInstance, job_name: str) -> Attempts:
    """Attempts of a job without partitions."""
    return in_a_row(_ended(instance, job_name))


def in_a_row(newest_first: Iterable[RunRecord]) -> Attempts:
    """Sums up these runs. A cancelled run counts as failed, but leaves nothing undone."""
    found = NONE
    for record in newest_first:
        ended = datetime.fromtimestamp(record.end_time, UTC) if record.end_time else record.update_timestamp
        status = record.dagster_run.status
        if not found.last_run:
            found = Attempts(0, record.dagster_run.run_id, ended, is_undone=status is DagsterRunStatus.FAILURE)
        if status is DagsterRunStatus.SUCCESS:
            break
        found = replace(found, failed=found.failed + 1)
    return found


def days_of_tags(tags: Mapping[str, str]) -> list[date]:
    """The days of a run with these tags."""
    first, last = tags.get(RANGE_START, tags.get(PARTITION)), tags.get(RANGE_END, tags.get(PARTITION))
    if not first or not last:
        return []
    start, end = date.fromisoformat(first), date.fromisoformat(last)
    return [start + timedelta(days=number) for number in range((end - start).days + 1)]


def _ended(instance: DagsterInstance, job_name: str) -> Sequence[RunRecord]:
    """The ended runs, newest first."""
    return instance.get_run_records(RunsFilter(job_name=job_name, statuses=ENDED), limit=_MOST_RUNS)
