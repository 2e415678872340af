"""Launches Dagster runs through the GraphQL API, follows them until they end and reads their check results."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from infra.dagster_client import REPOSITORY, DagsterClient, dagster_url
from infra.errors import StackError
from pinterest_platform.settings import Settings

TIMEOUT_SECONDS = 600
_POLL_SECONDS = 0.5
_FINAL = {"SUCCESS", "FAILURE", "CANCELED"}
_LAUNCH = """
    mutation Launch($parameters: ExecutionParams!) {
      launchRun(executionParams: $parameters) {
        __typename
        ... on LaunchRunSuccess { run { runId } }
        ... on PythonError { message }
        ... on InvalidSubsetError { message }
        ... on RunConfigValidationInvalid { errors { message } }
      }
    }"""
_FOLLOW = """
    query Follow($runId: ID!) {
      runOrError(runId: $runId) {
        ... on Run { status stepStats { stepKey status startTime endTime } }
      }
    }"""
_CHECKS = """
    query Checks($runId: ID!) {
      logsForRun(runId: $runId, limit: 1000) {
        ... on EventConnection {
          events {
            ... on AssetCheckEvaluationEvent {
              evaluation {
                checkName success severity description assetKey { path }
                metadataEntries {
                  label
                  ... on IntMetadataEntry { intValue }
                  ... on FloatMetadataEntry { floatValue }
                  ... on TextMetadataEntry { text }
                }
              }
            }
          }
        }
      }
    }"""


@dataclass(frozen=True)
class CheckOutcome:
    """What a check of an asset said; a warning does not make it fail. `found` is a sentence, or what it counted."""

    asset: str
    check: str
    passed: bool
    warning: bool
    found: str


@dataclass(frozen=True)
class Step:
    """One finished step of a run, and the seconds it took."""

    name: str
    succeeded: bool
    seconds: float


class DagsterWeb(DagsterClient):
    """The webserver of these settings, and the runs that it shows."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(dagster_url(settings))

    def run_url(self, run_id: str) -> str:
        """Where a person sees the run."""
        return f"{self.url}/runs/{run_id}"

    def launch(self, job: str, day: date) -> str:
        """Start the job for the day; returns the run's id."""
        parameters = {
            "selector": {**REPOSITORY, "jobName": job},
            "runConfigData": {},
            "executionMetadata": {"tags": [{"key": "dagster/partition", "value": day.isoformat()}]},
        }
        answer = self.ask(_LAUNCH, parameters=parameters)["launchRun"]
        if answer["__typename"] != "LaunchRunSuccess":
            raise StackError(f"Dagster did not launch {job} for {day}: {answer}. See {self.url}/locations.")
        return str(answer["run"]["runId"])

    def require_success(self, run_id: str, finished: Callable[[Step], None]) -> None:
        """Wait for the run's success, telling of each step that ends.

        Raises:
            StackError: the run failed, was terminated, or is not done after ten minutes.
        """
        status = self.follow(run_id, finished)
        if status != "SUCCESS":
            raise StackError(f"The run ended with {status}. See why at {self.run_url(run_id)}.")

    def check_outcomes(self, run_id: str) -> list[CheckOutcome]:
        """What the checks of a run said, by asset and name."""
        events = self.ask(_CHECKS, runId=run_id)["logsForRun"]["events"]
        found = [event["evaluation"] for event in events if event.get("evaluation")]
        outcomes = [
            CheckOutcome(
                asset="/".join(evaluation["assetKey"]["path"]),
                check=evaluation["checkName"],
                passed=evaluation["success"],
                warning=not evaluation["success"] and evaluation["severity"] == "WARN",
                found=evaluation["description"] or _facts(evaluation["metadataEntries"]),
            )
            for evaluation in found
        ]
        return sorted(outcomes, key=lambda outcome: (outcome.asset, outcome.check))

    def follow(self, run_id: str, finished: Callable[[Step], None] = lambda _: None) -> str:
        """Wait for the run's end, telling of each step that ends; returns its status.

        Raises:
            StackError: it is not done after ten minutes.
        """
        told: set[str] = set()
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while time.monotonic() < deadline:
            run = self.ask(_FOLLOW, runId=run_id)["runOrError"]
            for step in _ended(run["stepStats"]):
                if step.name not in told:
                    told.add(step.name)
                    finished(step)
            if run["status"] in _FINAL:
                return str(run["status"])
            time.sleep(_POLL_SECONDS)
        raise StackError(f"The run is not done after {TIMEOUT_SECONDS} s. See {self.run_url(run_id)}.")


def _facts(entries: list[dict[str, Any]]) -> str:
    """What a check counted, as words; entries of other kinds are for the UI."""
    return ", ".join(f"{entry['label'].replace('_', ' ')} {value}" for entry in entries if (value := _in_words(entry)))


def _in_words(entry: dict[str, Any]) -> str | None:
    if (number := entry.get("intValue")) is not None:
        return f"{number:,}"
    if (number := entry.get("floatValue")) is not None:
        return f"{number:,.4g}"
    return entry.get("text")


def _ended(steps: list[dict[str, Any]]) -> list[Step]:
    done = [step for step in steps if step["status"] in {"SUCCESS", "FAILURE"} and step["endTime"]]
    return [
        Step(step["stepKey"], step["status"] == "SUCCESS", step["endTime"] - step["startTime"])
        for step in sorted(done, key=lambda step: step["endTime"])
    ]
