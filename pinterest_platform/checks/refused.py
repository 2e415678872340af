"""What `cassandra_took_every_row` finds: the clean pins of a day that Cassandra refused, and why."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from pinterest_platform.batch.pin_rows import RefusedPin
from pinterest_platform.batch.serving import rejects_of
from pinterest_platform.pins.plausibility import Finding
from pinterest_platform.settings import Settings
from pinterest_platform.stores.cassandra import open_session

_NAMED = 5
_SHOWN_CHARACTERS = 40


def refused_findings(settings: Settings, days: Sequence[date]) -> dict[date, Finding]:
    """What Cassandra refused of each day.

    Raises:
        CassandraUnavailableError: Cassandra is away.
    """
    with open_session(settings) as session:
        session.set_keyspace(settings.cassandra_keyspace)
        return {day: refused_finding(rejects_of(session, day)) for day in days}


def refused_finding(pins: Sequence[RefusedPin]) -> Finding:
    """How many there are, and the first of them by name."""
    if not pins:
        return Finding({"refused": 0})
    named = "; ".join(
        f"{pin.unique_id[:_SHOWN_CHARACTERS]} (partition {pin.kafka_partition} offset {pin.kafka_offset}): {pin.reason}"
        for pin in pins[:_NAMED]
    )
    more = f"; and {len(pins) - _NAMED:,} more" if len(pins) > _NAMED else ""
    return Finding(
        {"refused": len(pins)},
        f"Cassandra refused {len(pins):,} clean pins, and has the rest of the day: {named}{more}. They are in "
        f"pinterest_batch_rejects. Cleaning should have quarantined them: see the limits of the fields.",
    )
