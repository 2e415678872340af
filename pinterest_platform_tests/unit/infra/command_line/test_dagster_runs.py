from __future__ import annotations

import pytest

from infra.command_line.dagster_runs import CheckOutcome, DagsterWeb
from pinterest_platform.settings import Settings


def test_a_check_that_passed_tells_what_it_counted_and_one_that_failed_why(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = [{"label": "kafka", "intValue": 11_000}, {"label": "share_of_none", "floatValue": 0.01234}]
    still_open = [{"label": "compared", "text": "not yet"}, {"label": "sample"}]
    pins, rows = {"path": ["pins"]}, {"path": ["rows"]}
    evaluations = [
        {"checkName": "b", "success": True, "severity": "ERROR", "description": None, "assetKey": pins}
        | {"metadataEntries": counted},
        {"checkName": "a", "success": False, "severity": "WARN", "description": "A row is gone.", "assetKey": pins}
        | {"metadataEntries": counted},
        {"checkName": "c", "success": True, "severity": "ERROR", "description": None, "assetKey": rows}
        | {"metadataEntries": still_open},
    ]
    events = [{}, *({"evaluation": evaluation} for evaluation in evaluations)]
    monkeypatch.setattr(DagsterWeb, "ask", lambda *_, **__: {"logsForRun": {"events": events}})

    assert DagsterWeb(Settings()).check_outcomes("a run") == [
        CheckOutcome("pins", "a", passed=False, warning=True, found="A row is gone."),
        CheckOutcome("pins", "b", passed=True, warning=False, found="kafka 11,000, share of none 0.01234"),
        CheckOutcome("rows", "c", passed=True, warning=False, found="compared not yet"),
    ]
