"""A loss is shown for the days that it may affect, and for no others."""

from __future__ import annotations

from datetime import date

from pinterest_platform.defs.landing.checks import loss_finding
from pinterest_platform.landing.losses import Loss

MONDAY, TUESDAY, WEDNESDAY = date(2026, 11, 16), date(2026, 11, 17), date(2026, 11, 18)


def test_a_loss_is_named_for_its_days_and_every_other_day_passes() -> None:
    known = [
        Loss("pins", 0, 4, 7, MONDAY, TUESDAY, before_first_landing=False),
        Loss("pins", 2, 10, 11, TUESDAY, TUESDAY, before_first_landing=False),
    ]

    monday, tuesday, wednesday = (loss_finding(known, day) for day in (MONDAY, TUESDAY, WEDNESDAY))

    assert [finding.facts["lost_offsets"] for finding in (monday, tuesday, wednesday)] == [3, 4, 0]
    assert "possibly some of 2026-11-17: partition 0, offsets 4-6; partition 2, offsets 10-10." in str(tuesday.problem)
    assert wednesday.problem is None
