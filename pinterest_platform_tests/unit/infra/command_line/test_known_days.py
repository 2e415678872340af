from __future__ import annotations

import signal
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from infra.command_line.__main__ import main
from infra.command_line.history import first_day_of_history
from infra.command_line.known_days import demand_known_days, read_day
from infra.errors import StackError
from infra.local_stack.processes import STOPS
from pinterest_platform.settings import Settings

SETTINGS = Settings(first_day=date(2025, 1, 1))
TODAY = date(2026, 11, 30)


@pytest.fixture
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder for the command's secrets, and the process' own signals back afterwards."""
    monkeypatch.setenv("PINTEREST_STATE_FOLDER", str(tmp_path))
    before = {number: signal.getsignal(number) for number in STOPS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(
    ("first", "last"),
    [("2024-12-31", "2024-12-31"), ("2024-12-31", "2025-01-01"), ("2026-11-30", "2026-12-01"), ("2027-01-01",) * 2],
)
def test_days_that_lie_outside_even_in_part_are_refused_with_the_first_and_the_last(first: str, last: str) -> None:
    with pytest.raises(StackError, match=r"Days go from 2025-01-01 .* to 2026-11-30.*Nothing was started"):
        demand_known_days(SETTINGS, read_day(first), read_day(last), TODAY)


def test_the_first_day_and_today_exist() -> None:
    demand_known_days(SETTINGS, SETTINGS.first_day, TODAY, TODAY)


def test_days_in_the_wrong_order_are_a_sentence() -> None:
    with pytest.raises(StackError, match="2026-11-01 is before 2026-11-02"):
        demand_known_days(SETTINGS, date(2026, 11, 2), date(2026, 11, 1), TODAY)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Which day"),
        ("yesterday", "'yesterday' is not a day. Write it as YYYY-MM-DD"),
        ("20261116", "is not a day. Write it as YYYY-MM-DD"),
        ("2026-02-30", "is not a date"),
        ("2026-W01-1", "is not a day. Write it as YYYY-MM-DD"),
    ],
)
def test_what_is_no_day_is_a_sentence(text: str, said: str) -> None:
    with pytest.raises(StackError, match=said):
        read_day(text)


@pytest.mark.usefixtures("own_state")
@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["backfill", "", ""], "make backfill FROM=2026-11-01 TO=2026-11-30"),
        (["backfill", "2026-11-02", "2026-11-01"], "2026-11-01 is before 2026-11-02"),
        (["backfill", "2026-11-02", "soon"], "'soon' is not a day"),
        (["backfill", "1999-01-01", ""], "Days go from 2025-01-01"),
        (["check-assets", ""], "Which day"),
        (["check-assets", "9999-12-31"], "Days go from 2025-01-01"),
        (["history", "--days", "100000"], "The first day is 2025-01-01"),
    ],
)
def test_a_command_with_wrong_days_says_so_and_ends_with_one(
    command: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command) == 1

    assert said in capsys.readouterr().out


def test_a_history_begins_with_the_first_day_at_the_earliest() -> None:
    assert first_day_of_history(SETTINGS, 698, TODAY) == SETTINGS.first_day
    with pytest.raises(StackError, match="history can have at most 698 days, not 699"):
        first_day_of_history(SETTINGS, 699, TODAY)
