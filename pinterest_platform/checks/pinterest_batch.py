"""Checks of `pinterest_batch`: that every record of a day is somewhere, and where; that both layers answer the same."""

from collections.abc import Sequence
from datetime import UTC, date, datetime

import dagster as dg

from pinterest_platform.assets.pinterest_batch import pinterest_batch
from pinterest_platform.assets.slices import DAILY, days_of
from pinterest_platform.batch.accounting import (
    DayAccount,
    NotMaterialisedError,
    Stores,
    account_for,
    is_closed,
    open_stores,
)
from pinterest_platform.batch.layer_parity import LayerParity, compare_layers, is_in_both_layers
from pinterest_platform.checks.verdict import STILL_OPEN, conclude, judged, verdict
from pinterest_platform.pins.plausibility import Finding
from pinterest_platform.settings import Settings
from pinterest_platform.stores.presto import PrestoUnavailableError


@dg.asset_check(asset=pinterest_batch, blocking=True, partitions_def=DAILY)
def every_event_is_accounted_for(
    context: dg.AssetCheckExecutionContext, settings: dg.ResourceParam[Settings]
) -> dg.AssetCheckResult:
    """Kafka = raw = clean + quarantined + superseded, clean = Cassandra, Kafka = stream + rejects + duplicates.

    Compared offset by offset, each store read anew. What is missing is named: store, partition, first offsets, count.
    """
    with open_stores(settings) as stores:
        return verdict(context, lambda day: account_finding(stores, day))


@dg.asset_check(asset=pinterest_batch, partitions_def=DAILY)
def both_layers_answer_the_same(
    context: dg.AssetCheckExecutionContext, settings: dg.ResourceParam[Settings]
) -> dg.AssetCheckResult:
    """For a closed day, the lambda view from the stream equals the one from the batch. Asked in SQL, of Presto."""
    return conclude(context, layers_findings(settings, days_of(context), datetime.now(UTC)))


def layers_findings(settings: Settings, days: Sequence[date], now: datetime) -> dict[date, Finding]:
    """The pins of each day that the two layers do not agree on. Of an open day both are on their way."""
    found = {day: judged(lambda day: _why_not_compared(settings, day, now), day) for day in days}
    findings = {day: finding for day, finding in found.items() if finding}
    comparable = [day for day in days if day not in findings]
    try:
        parities = compare_layers(settings, comparable)
    except PrestoUnavailableError as error:
        away = Finding({"compared": "no"}, f"The layers could not be compared. {error}")
        return findings | dict.fromkeys(comparable, away)
    return findings | {day: _parity_finding(parity) for day, parity in parities.items()}


def _why_not_compared(settings: Settings, day: date, now: datetime) -> Finding | None:
    if not is_closed(day, now):
        return STILL_OPEN
    if not is_in_both_layers(settings, day):
        return Finding({"compared": "no, the stream has not run, is behind, or does not keep the day any more"})
    return None


def _parity_finding(parity: LayerParity) -> Finding:
    if not parity.different:
        return Finding({"different": 0})
    examples = "; ".join(
        f"{pin} (partition {partition} offset {offset}) in the {layer}"
        for layer, pin, partition, offset in parity.examples
    )
    return Finding(
        {"different": parity.different},
        f"{parity.different:,} rows have no equal in the other layer: {examples}. Materialise the day again; what then "
        f"still differs was cleaned by other rules, or is a fault.",
    )


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
