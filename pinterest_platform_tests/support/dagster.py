"""Dagster handled from outside: what runs of a job it has, and a sensor's switch as in the user interface."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from infra.dagster_client import REPOSITORY, DagsterClient, dagster_url
from pinterest_platform.settings import Settings

UNFINISHED = ("QUEUED", "NOT_STARTED", "STARTING", "STARTED", "CANCELING")
_RUNS = """query Runs($filter: RunsFilter!) { runsOrError(filter: $filter, limit: 1000) {
    ... on Runs { results { runId jobName status tags { key value } } } } }"""
_STATE = """query State($sensor: SensorSelector!) { sensorOrError(sensorSelector: $sensor) {
    ... on Sensor { sensorState { id } } } }"""
_STOP = "mutation Stop($id: String!) { stopSensor(id: $id) { __typename ... on PythonError { message } } }"
_START = """mutation Start($sensor: SensorSelector!) { startSensor(sensorSelector: $sensor) {
    __typename ... on PythonError { message } } }"""


@dataclass(frozen=True)
class DagsterRun:
    """A run as the list of runs shows it."""

    run_id: str
    job: str
    status: str
    tags: Mapping[str, str]


def dagster_of(settings: Settings) -> DagsterClient:
    return DagsterClient(dagster_url(settings))


def runs_of(settings: Settings, job: str | None = None, statuses: Sequence[str] | None = None) -> list[DagsterRun]:
    """The newest thousand, the newest first; None is every job and every status."""
    wanted = {"pipelineName": job, "statuses": statuses}
    given = {name: value for name, value in wanted.items() if value is not None}
    found = dagster_of(settings).ask(_RUNS, filter=given)["runsOrError"]["results"]
    return [
        DagsterRun(run["runId"], run["jobName"], run["status"], {tag["key"]: tag["value"] for tag in run["tags"]})
        for run in found
    ]


def started_runs(settings: Settings, job: str) -> list[str]:
    """The ids of the job's runs that have a process."""
    return [run.run_id for run in runs_of(settings, job, ["STARTED"])]


def switch_sensor(settings: Settings, sensor: str, *, on: bool) -> None:
    dagster, selector = dagster_of(settings), {**REPOSITORY, "sensorName": sensor}
    if on:
        answer = dagster.ask(_START, sensor=selector)["startSensor"]
    else:
        state = dagster.ask(_STATE, sensor=selector)["sensorOrError"]["sensorState"]
        answer = dagster.ask(_STOP, id=state["id"])["stopSensor"]
    if answer["__typename"] == "PythonError":
        raise RuntimeError(answer["message"])
