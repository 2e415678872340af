from __future__ import annotations

import socket

import httpx
import pytest

from infra.command_line.dagster_runs import CheckOutcome, DagsterWeb, data_of
from infra.local_stack.errors import StackError
from pinterest_platform.settings import Settings


def test_a_dagster_that_does_not_answer_is_told_as_that() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    with pytest.raises(StackError, match=rf"Dagster at http://127.0.0.1:{port} does not answer .* make run"):
        DagsterWeb(Settings(dagster_port=port)).ask("{ version }")


@pytest.mark.parametrize(
    ("response", "said"),
    [
        (
            httpx.Response(500, json={"data": None, "errors": [{"message": "no partition 2026-12-05"}]}),
            r"answers, but with an error \(status 500\): no partition 2026-12-05",
        ),
        (httpx.Response(400, text="No GraphQL query found"), r"\(status 400\): No GraphQL query found"),
        (httpx.Response(200, text="<html>a proxy's page"), r"\(status 200\): <html>a proxy's page"),
        (httpx.Response(502), r"\(status 502\): without a word"),
    ],
)
def test_an_error_is_told_as_what_it_is(response: httpx.Response, said: str) -> None:
    with pytest.raises(StackError, match=said):
        data_of(response)


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


def test_an_answer_is_its_data() -> None:
    assert data_of(httpx.Response(200, json={"data": {"version": "1"}})) == {"version": "1"}
