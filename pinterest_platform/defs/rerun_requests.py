"""That a day stays asked for until a run has brought it to its end.

Belongs here: what a run of the whole batch does about the marks of its days, at its beginning and at its end. Does not
belong here: what a mark is (`landing.rerun_requests`), and asking for days (`defs.landing.sensor`).

A run leaves a mark for each of its days before it lands anything, whoever has started it. Its last step takes away
those that the cleaning had listed before it read, where the account has passed for the slice that this cleaning made.
A mark that came later stands for records that the run may not have seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date

import dagster as dg

from pinterest_platform.clean_slices.manifest import newest_manifest, settled_requests
from pinterest_platform.landing.rerun_requests import request_reruns
from pinterest_platform.stores.s3 import ObjectStore

RECONCILIATION_CHECK = "every_event_is_accounted_for"
# Where the account says which slice it is of.
CLEAN_SLICE = "clean_slice"
_FIRST_AND_LAST = {dg.AssetKey("raw_pins"), dg.AssetKey("category_popularity")}


def is_whole(run: dg.DagsterRun) -> bool:
    """Whether the run takes its days through the whole batch, and not through some steps of it only."""
    if run.asset_selection:
        return run.asset_selection >= _FIRST_AND_LAST
    return not run.asset_check_selection  # a run of its job, as it is


def ask_for_days(context: dg.AssetExecutionContext, bucket: ObjectStore, days: Sequence[date]) -> None:
    """Ask for the days of a whole run, which may fail or be killed."""
    if is_whole(context.run):
        request_reruns(bucket, days)


def settle_days(context: dg.AssetExecutionContext, bucket: ObjectStore, days: Iterable[date]) -> None:
    """Take away what asked for those days that this run has accounted for."""
    accounted = dict(_accounted(context.instance, context.run.run_id))
    for day in days:
        manifest = newest_manifest(bucket, day)
        if manifest and accounted.get(day.isoformat()) == manifest:
            bucket.delete(settled_requests(bucket, manifest))


def _accounted(instance: dg.DagsterInstance, run_id: str) -> Iterator[tuple[str, object]]:
    """The days whose account has passed in this run, and of which slice it was."""
    records = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION).records
    for record in records:
        event = record.event_log_entry.dagster_event
        found = event.asset_check_evaluation_data if event else None
        if found and found.check_name == RECONCILIATION_CHECK and found.partition:
            yield found.partition, found.metadata[CLEAN_SLICE].value if found.passed else None
