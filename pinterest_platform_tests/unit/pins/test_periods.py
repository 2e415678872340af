from __future__ import annotations

from datetime import date

from pinterest_platform.pins.calendar import Period, periods_of


def test_a_day_lies_in_itself_its_month_and_its_year() -> None:
    assert periods_of([date(2026, 3, 9)]) == [
        Period("day", "2026-03-09"),
        Period("month", "2026-03"),
        Period("year", "2026"),
    ]


def test_days_share_their_months_and_years() -> None:
    new_year = periods_of([date(2026, 12, 31), date(2027, 1, 1), date(2026, 12, 30)])

    assert [period.name for period in new_year] == [
        "2026-12-30",
        "2026-12-31",
        "2027-01-01",
        "2026-12",
        "2027-01",
        "2026",
        "2027",
    ]
