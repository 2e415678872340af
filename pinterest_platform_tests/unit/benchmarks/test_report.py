"""The benchmarks' page matches their history, and each recorded result is a line of it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from benchmarks import check_results
from benchmarks.check_results import CheckResult
from benchmarks.record import HISTORY, record
from benchmarks.report import FOLDER, PAGE, PICTURES, SUBJECTS, TEMPLATE, page, pictures, read

RESULT = {
    "subject": "day",
    "metric": "a day",
    "value": 21.8,
    "unit": "s",
    "target": "<= 30",
    "peer": {"the old way": 43.3},
    "commit": "9704d7c",
    "machine": {"cores": 2, "memory_gib": 23.5, "cpu": "a processor"},
    "time": "2026-11-28T16:57:40+00:00",
    "arguments": "",
    "note": "",
}


def history(folder: Path, *changes: Mapping[str, Any]) -> Path:
    file = folder / "history.jsonl"
    file.write_text("".join(json.dumps({**RESULT, **change}) + "\n" for change in changes))
    return file


def row(folder: Path, *changes: Mapping[str, Any]) -> list[str]:
    """The cells of the only metric's row."""
    told = page(read(history(folder, *changes)), TEMPLATE.read_text())
    [found] = [line for line in told.splitlines() if line.startswith("| a day | ")]
    return [cell.strip() for cell in found.strip("|").split(" | ")]


def test_committed_page_is_what_the_history_gives() -> None:
    assert PAGE.read_text() == page(read(HISTORY), TEMPLATE.read_text()), "Run: python -m benchmarks.report"


def test_committed_pictures_are_what_the_history_gives() -> None:
    committed = {file.name: file.read_text() for file in PICTURES.glob("*.svg")}
    assert committed == pictures(read(HISTORY)), "Run: python -m benchmarks.report"


def test_each_picture_is_drawn_on_a_ground_for_light_and_one_for_dark() -> None:
    for picture in pictures(read(HISTORY)).values():
        ElementTree.fromstring(picture)  # noqa: S314
        assert '<rect class="ground"' in picture
        assert "prefers-color-scheme: dark" in picture


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.name)
def test_subject_has_a_target_or_says_that_there_is_none(subject: Any) -> None:
    section = PAGE.read_text().partition(f"### {subject.name}\n")[2].partition("\n##")[0]
    targets = [line.split(" | ")[1] for line in section.splitlines() if line.startswith("| ")][1:]
    told = [*targets, *re.findall(r"^Target: (.+)", section, re.MULTILINE)]
    assert told
    assert all(target.strip() for target in told)


def test_each_script_that_records_is_a_subject() -> None:
    recorded = {
        subject
        for script in FOLDER.glob("*.py")
        for subject in re.findall(r'record(?:_results)?\(\s*"(\w+)"', script.read_text())
    }
    assert recorded == {subject.name for subject in SUBJECTS} - {"trials"}


def test_a_row_has_the_latest_result_and_what_it_stands_beside(tmp_path: Path) -> None:
    latest = {"value": 25.0, "time": "2026-11-29T00:00:00+00:00", "commit": "abcdef0"}
    assert row(tmp_path, latest, {}) == [
        "a day",
        "at most 30: met",
        "25 s",
        "2: 21.8 to 25",
        "the old way 43.3",
        "`abcdef0`, 2026-11-29",
        "2 cores, 23.5 GiB, a processor",
        "",
    ]


@pytest.mark.parametrize(
    ("value", "target", "told"),
    [
        (30, "<= 30", "at most 30: met"),
        (30, "< 30", "less than 30: **missed**"),
        ([29, 31], "<= 30", "at most 30: **met in part**"),
        (5_000, ">= 5000", "at least 5,000: met"),
        (5_000, None, "none"),
        (False, True, "holds"),
    ],
)
def test_a_target_is_met_by_both_ends_of_a_range(tmp_path: Path, value: Any, target: Any, told: str) -> None:
    assert row(tmp_path, {"value": value, "target": target})[1] == told


def test_what_did_not_hold_is_told(tmp_path: Path) -> None:
    failed = {"value": False, "unit": "", "target": True, "peer": {}}
    assert row(tmp_path, {**failed, "value": True}, failed)[2:4] == ["**did not hold**", "2, of which 1 held"]


@pytest.mark.parametrize("change", [{"value": "fast"}, {"target": "soon"}, {"place": 1}], ids=str)
def test_a_line_that_is_no_result_is_named(tmp_path: Path, change: Mapping[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"Line 2 of .* is not a result"):
        read(history(tmp_path, {}, change))


def test_a_subject_that_is_not_known_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="does not know: weather"):
        read(history(tmp_path, {"subject": "weather"}))


@pytest.mark.parametrize(
    ("value", "stored", "target"), [(21.8, 21.8, None), ((20.0, 25.0), [20.0, 25.0], None), (True, True, True)]
)
def test_a_result_is_recorded_as_one_line(tmp_path: Path, value: Any, stored: Any, target: Any) -> None:
    file = history(tmp_path, {})
    record("day", "a day", value, "s", note="two\nlines", history=file)
    first, second = file.read_text().splitlines()
    assert json.loads(first) == RESULT
    line = json.loads(second)
    assert line.keys() == RESULT.keys()
    assert (line["value"], line["target"], line["note"]) == (stored, target, "two\nlines")
    assert line["machine"]["cores"] > 0
    assert [result.value for result in read(file)] == [21.8, stored]


def test_what_is_no_number_is_not_recorded(tmp_path: Path) -> None:
    file = history(tmp_path, {})
    with pytest.raises(ValueError, match="JSON compliant"):
        record("day", "a day", float("nan"), "s", history=file)
    assert len(file.read_text().splitlines()) == 1


def test_check_results_of_several_days_are_recorded_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded: dict[str, tuple[bool, str]] = {}

    def keep(subject: str, metric: str, value: bool, *, note: str) -> None:
        recorded[f"{subject}: {metric}"] = (value, note)

    monkeypatch.setattr(check_results, "record", keep)
    check_results.record_results(
        "soak",
        [
            CheckResult("the batch of 2026-11-16 runs", holds=True, found="at attempt 1"),
            CheckResult("the batch of 2026-11-17 runs", holds=True, found="at attempt 2"),
            CheckResult("the checks of 2026-11-16", holds=True, found="20 green"),
            CheckResult("the checks of 2026-11-17", holds=False, found="no row"),
            CheckResult("a planted deletion: S3 lacks 0/17", holds=True, found="S3 lacks 1 of partition 0: 17"),
        ],
    )
    assert recorded == {
        "soak: the batch runs": (True, "2 times"),
        "soak: the checks": (False, "the checks of 2026-11-17: no row"),
        "soak: a planted deletion: S3 lacks": (True, ""),
    }
