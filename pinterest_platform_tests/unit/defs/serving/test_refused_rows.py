from __future__ import annotations

from datetime import date

from pinterest_platform.defs.serving.checks import refused_finding
from pinterest_platform.serving.pin_rows import RefusedPin


def refused(offset: int) -> RefusedPin:
    return RefusedPin(date(2026, 11, 16), 1, offset, "x" * 300, "art", "Key length of 70000 is longer than 65535")


def test_a_day_that_cassandra_took_whole_is_well() -> None:
    finding = refused_finding([])

    assert (finding.facts, finding.problem) == ({"refused": 0}, None)


def test_the_first_refused_pins_are_named_with_cassandras_words() -> None:
    finding = refused_finding([refused(offset) for offset in range(7)])

    assert finding.facts == {"refused": 7}
    assert finding.problem is not None
    first = f"{'x' * 40} (partition 1 offset 0): Key length of 70000 is longer than 65535; "
    assert finding.problem.startswith(f"Cassandra refused 7 clean pins and serves the rest of the day: {first}")
    assert "; and 2 more. The refused pins are in pinterest_batch_rejects." in finding.problem
