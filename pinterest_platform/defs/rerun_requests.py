"""Rerun requests at the beginning and the end of a batch run. A day stays requested until a run has completed it.

A run of the whole batch first puts a request for each of its days, whoever started it. Its last step deletes the
requests that the cleaning had listed before it read, if the reconciliation passed for that very slice. A request that
arrived later stays: it stands for records that the run may not have seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date

import dagster as dg

from pinterest_platform.clean_slices.manifest import newest_manifest, settled_requests
from pinterest_platform.landing.rerun_requests import request_reruns
from pinterest_platform.stores.s3 import ObjectStore

RECONCILIATION_CHECK = "every_event_is_accounted_for"
# Metadata key under which the reconciliation names the manifest it was made for.
CLEAN_SLICE = "clean_slice"
_FIRST_AND_LAST = {dg.AssetKey("raw_pins"), dg.AssetKey("category_popularity")}


def is_whole(run: dg.DagsterRun) -> bool:
    """Whether the run covers the whole batch, from landing to serving, and not only some steps."""
    if run.asset_selection:
        return run.asset_selection >= _FIRST_AND_LAST
    return not run.asset_check_selection  # a run of the job without a selection


def request_days(context: dg.AssetExecutionContext, bucket: ObjectStore, days: Sequence[date]) -> None:
    """Request the days of a whole run before it starts, since it may fail or be killed."""
    if is_whole(context.run):
        request_reruns(bucket, days)


def settle_days(context: dg.AssetExecutionContext, bucket: ObjectStore, days: Iterable[date]) -> None:
    """Delete the rerun requests of the days that this run has reconciled."""
    reconciled = dict(_reconciled(context.instance, context.run.run_id))
    for day in days:
        manifest = newest_manifest(bucket, day)
        if manifest and reconciled.get(day.isoformat()) == manifest:
            bucket.delete(settled_requests(bucket, manifest))


def _reconciled(instance: dg.DagsterInstance, run_id: str) -> Iterator[tuple[str, object]]:
    """The days whose reconciliation ran here, with the manifest it passed for, or None where it failed."""
    records = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION).records
    for record in records:
        event = record.event_log_entry.dagster_event
        found = event.asset_check_evaluation_data if event else None
        if found and found.check_name == RECONCILIATION_CHECK and found.partition:
            yield found.partition, found.metadata[CLEAN_SLICE].value if found.passed else None
