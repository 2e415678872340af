"""Checks of `pinterest_batch`: that every record of a day is somewhere, and where."""

from datetime import date

import dagster as dg

from pinterest_platform.assets.pinterest_batch import pinterest_batch
from pinterest_platform.assets.slices import DAILY
from pinterest_platform.batch.accounting import DayAccount, NotMaterialisedError, Stores, account_for, open_stores
from pinterest_platform.checks.verdict import verdict
from pinterest_platform.pins.plausibility import Finding
from pinterest_platform.settings import Settings


@dg.asset_check(asset=pinterest_batch, blocking=True, partitions_def=DAILY)
def every_event_is_accounted_for(
    context: dg.AssetCheckExecutionContext, settings: dg.ResourceParam[Settings]
) -> dg.AssetCheckResult:
    """Kafka = raw = clean + quarantined + superseded, clean = Cassandra, Kafka = stream + rejects + duplicates.

    Compared offset by offset, each store read anew. What is missing is named: store, partition, first offsets, count.
    """
    with open_stores(settings) as stores:
        return verdict(context, lambda day: account_finding(stores, day))


def account_finding(stores: Stores, day: date) -> Finding:
    """The day's account as numbers, and what does not add up."""
    try:
        account = account_for(stores, day)
    except NotMaterialisedError as error:
        return Finding(problem=str(error))
    return Finding(_numbers(account), "\n".join(account.differences()) or None)


def _numbers(account: DayAccount) -> dict[str, int]:
    sets = {
        "kafka": account.kafka,
        "raw": account.raw,
        "clean": account.clean,
        "quarantined": account.quarantined,
        "superseded": account.superseded,
        "cassandra": account.cassandra,
    }
    if stream := account.stream:
        sets |= {"stream": stream.rows, "stream_rejects": stream.rejects, "stream_duplicates": stream.duplicates}
    return {name: len(offsets) for name, offsets in sets.items()} | {"newer_than_the_cleaning": account.newer}
