"""What `every_event_is_accounted_for` finds: that every record of a day is somewhere, and where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from pinterest_platform.assets.asked_for import CLEAN_SLICE
from pinterest_platform.batch.accounting import DayAccount, NotMaterialisedError, Stores, account_for, open_stores
from pinterest_platform.batch.slice_files import newest_note
from pinterest_platform.checks.verdict import judged
from pinterest_platform.pins.plausibility import Finding
from pinterest_platform.settings import Settings


def account_findings(settings: Settings, days: Sequence[date]) -> dict[date, Finding]:
    """The account of each day, over stores that are opened once.

    Raises:
        TopicUnavailableError: the broker is away.
        CassandraUnavailableError: Cassandra is away. Errors of the other stores pass through.
    """
    with open_stores(settings) as stores:
        return judged(lambda day: account_finding(stores, day), days)


def account_finding(stores: Stores, day: date) -> Finding:
    """The day's account as numbers, and what does not add up."""
    # If it is another one by now, the end of the run will not take this account for that of the new slice.
    note = newest_note(stores.bucket, day)
    try:
        account = account_for(stores, day)
    except NotMaterialisedError as error:
        return Finding(problem=str(error))
    return Finding({**_numbers(account), CLEAN_SLICE: note or ""}, "\n".join(account.differences()) or None)


def _numbers(account: DayAccount) -> Mapping[str, int | str]:
    sets = {
        "kafka": account.kafka,
        "raw": account.raw,
        "clean": account.clean,
        "quarantined": account.quarantined,
        "superseded": account.superseded,
        "repeated": account.repeated,
        "cassandra": account.cassandra,
        "refused": account.refused,
    }
    if stream := account.stream:
        sets |= {"stream": stream.rows, "stream_rejects": stream.rejects, "stream_duplicates": stream.duplicates}
    return {name: len(offsets) for name, offsets in sets.items()} | {"newer_than_the_cleaning": account.newer}
