"""The findings of the checks that compare all stores: reconciliation, layers, and rows of batch and stream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import date, datetime

from pinterest_platform.clean_slices.manifest import newest_manifest
from pinterest_platform.defs.check_results import STILL_OPEN, coordinates_in_words, findings_by_day
from pinterest_platform.defs.rerun_requests import CLEAN_SLICE
from pinterest_platform.findings import Finding
from pinterest_platform.landing.ledger import forget_offsets
from pinterest_platform.pins.calendar import is_closed
from pinterest_platform.reconciliation.layer_parity import LayerParity, compare_layers, is_in_both_layers
from pinterest_platform.reconciliation.reconcile import (
    DayReconciliation,
    NotMaterialisedError,
    Stores,
    open_stores,
    reconcile,
)
from pinterest_platform.reconciliation.row_parity import compare_with_stream
from pinterest_platform.settings import Settings
from pinterest_platform.stores.postgres import connect
from pinterest_platform.stores.presto import PrestoUnavailableError
from pinterest_platform.stores.s3 import open_bucket


def reconciliation_findings(settings: Settings, days: Sequence[date]) -> dict[date, Finding]:
    """The reconciliation of each day, over stores that are opened once.

    Raises:
        TopicUnavailableError: Kafka is unavailable.
        CassandraUnavailableError: Cassandra is unavailable. Errors of other stores pass through.
    """
    with open_stores(settings) as stores:
        return findings_by_day(lambda day: reconciliation_finding(stores, day), days)


def reconciliation_finding(stores: Stores, day: date) -> Finding:
    """The day's counts, and what does not add up.

    Raw lines that S3 has lost leave the ledger, so that the next run of the day lands them again.
    """
    # Read before: if the slice is replaced meanwhile, this result must not count for the new one.
    manifest = newest_manifest(stores.bucket, day)
    try:
        reconciliation = reconcile(stores, day)
    except NotMaterialisedError as error:
        return Finding(problem=str(error))
    if len(lost := reconciliation.lost_in_s3):
        forget_offsets(stores.bucket, lost.runs(), day)
    return Finding(
        {**_numbers(reconciliation), CLEAN_SLICE: manifest or ""}, "\n".join(reconciliation.differences()) or None
    )


def _numbers(reconciliation: DayReconciliation) -> Mapping[str, int | str]:
    sets = {
        "kafka": reconciliation.kafka,
        "raw": reconciliation.raw,
        "clean": reconciliation.clean,
        "quarantined": reconciliation.quarantined,
        "superseded": reconciliation.superseded,
        "repeated": reconciliation.repeated,
        "cassandra": reconciliation.cassandra,
        "refused": reconciliation.refused,
    }
    if stream := reconciliation.stream:
        sets |= {"stream": stream.rows, "stream_rejects": stream.rejects, "stream_duplicates": stream.duplicates}
    return {name: len(offsets) for name, offsets in sets.items()} | {"newer_than_the_cleaning": reconciliation.newer}


_IN_ONE_LAYER = Finding({"compared": "no, the stream has not run, is behind, or no longer keeps the day"})


def layers_findings(settings: Settings, days: Sequence[date], now: datetime) -> dict[date, Finding]:
    """The pins of each closed day on which the two layers disagree. An open day is not compared."""
    bucket = open_bucket(settings)
    with closing(connect(settings, autocommit=True)) as stream:

        def why_not_compared(day: date) -> Finding | None:
            if not is_closed(day, now):
                return STILL_OPEN
            return None if is_in_both_layers(bucket, stream, settings.kafka_topic, day) else _IN_ONE_LAYER

        found = findings_by_day(why_not_compared, days)
    findings = {day: finding for day, finding in found.items() if finding}
    comparable = [day for day in days if day not in findings]
    try:
        parities = compare_layers(settings, comparable)
    except PrestoUnavailableError as error:
        away = Finding({"compared": "no"}, f"The layers could not be compared. {error}")
        return findings | dict.fromkeys(comparable, away)
    return findings | {day: _layers_finding(parity) for day, parity in parities.items()}


def _layers_finding(parity: LayerParity) -> Finding:
    if not parity.different:
        return Finding({"different": 0})
    examples = "; ".join(
        f"{pin} (partition {partition} offset {offset}) in the {layer}"
        for layer, pin, partition, offset in parity.examples
    )
    return Finding(
        {"different": parity.different},
        f"{parity.different:,} rows have no equal in the other layer: {examples}. Materialise the day again. Rows "
        f"that still differ were cleaned by other rules, or are a fault.",
    )


def rows_findings(settings: Settings, days: Sequence[date], now: datetime) -> dict[date, Finding]:
    """Clean rows of each day that the stream lacks or has with other values, and rows that only the stream has."""
    return findings_by_day(lambda day: rows_finding(settings, day, now), days)


def rows_finding(settings: Settings, day: date, now: datetime) -> Finding:
    """Compares the rows of a closed day. An open day is not compared, since both layers are still filling it."""
    if not is_closed(day, now):
        return STILL_OPEN
    parity = compare_with_stream(settings, day)
    if parity is None:
        return Finding({"compared": "no, the stream has not run, or no longer keeps the day"})
    facts = {
        "compared_rows": parity.rows,
        "different": len(parity.different),
        "only_in_stream": len(parity.only_in_stream),
    }
    problems = []
    if parity.different:
        problems.append(f"Missing or different in the stream: {coordinates_in_words(parity.different)}.")
    if parity.only_in_stream:
        problems.append(f"Only in the stream: {coordinates_in_words(parity.only_in_stream)}.")
    return Finding(facts, " ".join(problems) or None)
