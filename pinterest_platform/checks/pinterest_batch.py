"""Checks of `pinterest_batch`: that every record of a day is somewhere, and where."""

from datetime import date

import dagster as dg

from pinterest_platform.assets.metadata import markdown_table
from pinterest_platform.assets.pinterest_batch import pinterest_batch
from pinterest_platform.assets.slices import DAILY, days_of
from pinterest_platform.batch.accounting import DayAccount, account_for
from pinterest_platform.settings import Settings


@dg.asset_check(asset=pinterest_batch, blocking=True, partitions_def=DAILY)
def every_event_is_accounted_for(
    context: dg.AssetCheckExecutionContext, settings: dg.ResourceParam[Settings]
) -> dg.AssetCheckResult:
    """Kafka = raw = clean + quarantined + superseded, clean = Cassandra, Kafka = stream + rejects + duplicates.

    Compared offset by offset, each store read anew. What is missing is named: store, partition, first offsets, count.
    """
    accounts = {day: account_for(settings, day) for day in days_of(context)}
    differences = [sentence for account in accounts.values() for sentence in account.differences()]
    return dg.AssetCheckResult(
        passed=not differences,
        description="\n".join(differences) or None,
        metadata={"account": _table(accounts), "missing_or_extra": len(differences)},
    )


def _table(accounts: dict[date, DayAccount]) -> dg.MarkdownMetadataValue:
    header = ["day", "Kafka", "raw", "clean", "quarantined", "superseded", "Cassandra", "stream", "rejects"]
    return markdown_table([*header, "duplicates", "newer"], [_row(day, account) for day, account in accounts.items()])


def _row(day: date, account: DayAccount) -> list[object]:
    stream = account.stream
    sets = [
        account.kafka,
        account.raw,
        account.clean,
        account.quarantined,
        account.superseded,
        account.cassandra,
        *([stream.rows, stream.rejects, stream.duplicates] if stream else []),
    ]
    counts: list[object] = [f"{len(offsets):,}" for offsets in sets]
    return [day, *counts, *([] if stream else ["", "", ""]), f"{account.newer:,}"]
