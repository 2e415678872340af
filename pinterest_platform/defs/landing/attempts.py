"""How often in a row the runs of a day have failed, and how long that holds the day back.

Belongs here: reading it from Dagster's own record of runs, so that no restart of the daemon forgets it. Does not belong
here: which days are asked for (`landing.change_detection`).
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
# What Dagster calls the runs of its backfills, and of assets that somebody materialises by hand.
_ASSET_JOB = "__ASSET_JOB"
_PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 5, 10, 30, 60))
_MOST_RUNS = 300


@dataclass(frozen=True)
class Attempts:
    """The runs of one thing that have ended: how many have failed since one succeeded, and the last of all.

    `is_undone` says that the last one failed, and that nobody cancelled it: what it was for is still to be done.
    """

    failed: int = 0
    last_run: str = ""
    last_ended: datetime | None = None
    is_undone: bool = False

    def hold_back(self, now: datetime) -> bool:
        """Whether the pause after the last failure is not over. It grows with every failure in a row."""
        if not self.failed or self.last_ended is None:
            return False
        return now < self.last_ended + _PAUSES[min(self.failed, len(_PAUSES)) - 1]


NONE = Attempts()


def attempts_by_day(instance: DagsterInstance) -> dict[date, Attempts]:
    """What became of the last runs of the batch, by day. A day without runs is not there."""
    records = [record for name in (BATCH_JOB, _ASSET_JOB) for record in _ended(instance, name)]
    by_day: dict[date, list[RunRecord]] = {}
    for record in sorted(records, key=lambda record: record.create_timestamp, reverse=True):
        for day in days_of(record.dagster_run.tags) if is_whole(record.dagster_run) else []:
            by_day.setdefault(day, []).append(record)
    return {day: in_a_row(newest_first) for day, newest_first in by_day.items()}


def attempts_of_job(instance: DagsterInstance, job_name: str) -> Attempts:
    """What became of the last runs of a job that has no partitions."""
    return in_a_row(_ended(instance, job_name))


def in_a_row(newest_first: Iterable[RunRecord]) -> Attempts:
    """What these runs come to. One that somebody has cancelled did not do what was asked for either."""
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


def days_of(tags: Mapping[str, str]) -> list[date]:
    """The days that a run with these tags is for."""
    first, last = tags.get(RANGE_START, tags.get(PARTITION)), tags.get(RANGE_END, tags.get(PARTITION))
    if not first or not last:
        return []
    start, end = date.fromisoformat(first), date.fromisoformat(last)
    return [start + timedelta(days=number) for number in range((end - start).days + 1)]


def _ended(instance: DagsterInstance, job_name: str) -> Sequence[RunRecord]:
    """The newest first."""
    return instance.get_run_records(RunsFilter(job_name=job_name, statuses=ENDED), limit=_MOST_RUNS)
