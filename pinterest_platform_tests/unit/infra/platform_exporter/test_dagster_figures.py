"""Metrics from a shortened answer of Dagster. The end-to-end test checks that Dagster answers like this."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from infra.platform_exporter.dagster_figures import DAYS, WITHOUT_PARTITIONS, DagsterFigures
from infra.platform_exporter.sources import Sources
from pinterest_platform.definitions import build_definitions
from pinterest_platform.settings import Settings

NOW = datetime(2026, 11, 26, 5, tzinfo=UTC)
TODAY = NOW.timestamp()
DAY_SECONDS = 86_400


def tick(number: int, status: str) -> dict[str, object]:
    return {"id": str(number), "status": status, "timestamp": TODAY}


def execution(status: str, **numbers: int) -> dict[str, Any]:
    entries: list[dict[str, object]] = [{"label": name, "intValue": count} for name, count in numbers.items()]
    return {"status": status, "evaluation": {"metadataEntries": [*entries, {"label": "text"}]}}


def check(name: str, ranges: list[dict[str, object]] | None = None) -> dict[str, object]:
    return {
        "name": name,
        "executionForLatestMaterialization": found("FAILED", "ERROR") if ranges else None,
        "partitionStatuses": None if ranges is None else {"ranges": ranges},
    }


def found(status: str, severity: str) -> dict[str, Any]:
    return {"status": status, "evaluation": {"severity": severity}}


def number_of(name: str) -> str:
    return f"check{[check for _, check in WITHOUT_PARTITIONS].index(name)}"


def stretch(days: int, status: str) -> dict[str, object]:
    return {"startTime": TODAY - days * DAY_SECONDS, "endTime": TODAY, "status": status}


def answer(ticks: list[dict[str, object]]) -> dict[str, Any]:
    statuses = ("QUEUED", "STARTING", "STARTED", "CANCELING", "SUCCESS", "FAILURE", "CANCELED")
    node = {
        "assetKey": {"path": ["clean_pins"]},
        "assetMaterializations": [{"timestamp": "1700000000500"}],
        "freshnessStatusInfo": {"freshnessStatus": "DEGRADED"},
        "assetChecksOrError": {
            "checks": [
                check("a", [stretch(2, "FAILED"), stretch(5, "SUCCEEDED")]),
                check("never_run"),
            ]
        },
    }
    batch = {
        "assetKey": {"path": ["pinterest_batch"]},
        "latestMaterializationByPartition": [{"timestamp": "1700000000000", "partition": "2026-11-25"}, None],
    }
    return {
        **{status: {"count": number} for number, status in enumerate(statuses)},
        "instance": {
            "daemonHealth": {
                "allDaemonStatuses": [
                    {"daemonType": "SENSOR", "required": True, "healthy": True},
                    {"daemonType": "BACKFILL", "required": False, "healthy": None},
                ]
            }
        },
        "sensorsOrError": {"results": [{"name": "keep_streaming", "state": {"status": "RUNNING", "ticks": ticks}}]},
        "schedulesOrError": {"results": [{"name": "daily", "state": {"status": "STOPPED", "ticks": []}}]},
        "assetNodes": [node],
        "batch": [batch],
        **{f"account{days_ago}": [] for days_ago in range(DAYS)},
        **{f"check{number}": [] for number in range(len(WITHOUT_PARTITIONS))},
        # Nothing of an execution says whether its asset has been materialised since.
        number_of("profiles_equal_a_recount"): [
            {"status": "IN_PROGRESS", "evaluation": None},
            found("FAILED", "ERROR"),
        ],
        number_of("the_topic_is_set_up_for_the_platform"): [found("FAILED", "WARN"), found("SUCCEEDED", "WARN")],
        "account1": [
            execution("IN_PROGRESS"),
            execution("SUCCEEDED", kafka=11, raw=11),
            execution("FAILED", kafka=9, raw=8),
        ],
        "account2": [execution("FAILED", kafka=5, raw=4)],
        "topic": {
            "assetObservations": [
                {
                    "metadataEntries": [
                        {"label": "records"},
                        {"label": "failed_attempts", "jsonString": '{"2026-11-24": 3, "2026-11-25": 1}'},
                    ]
                }
            ]
        },
    }


class Dagster:
    def __init__(self) -> None:
        self.ticks: list[dict[str, object]] = []

    def ask(self, _: str, **__: object) -> Any:
        return answer(self.ticks)


def registry_of(dagster: Dagster) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(Sources({"dagster": DagsterFigures(dagster.ask, clock=lambda: NOW).collect}))
    return registry


def figure(registry: CollectorRegistry, name: str, /, **labels: str) -> float | None:
    return registry.get_sample_value(name, labels)


def test_runs_daemons_and_switches_are_shown_as_they_are() -> None:
    registry = registry_of(Dagster())

    assert figure(registry, "dagster_runs", status="failure") == 5
    assert figure(registry, "dagster_daemon_healthy", daemon="sensor") == 1
    assert figure(registry, "dagster_daemon_healthy", daemon="backfill") is None
    assert figure(registry, "dagster_instigator_on", kind="sensor", name="keep_streaming") == 1
    assert figure(registry, "dagster_instigator_on", kind="schedule", name="daily") == 0


def test_a_tick_is_counted_once_and_not_before_it_has_ended() -> None:
    dagster = Dagster()
    registry = registry_of(dagster)
    skipped = {"kind": "sensor", "name": "keep_streaming", "status": "skipped"}
    dagster.ticks = [tick(1, "SKIPPED"), tick(2, "STARTED")]
    assert figure(registry, "dagster_ticks_total", **skipped) == 1

    dagster.ticks = [tick(1, "SKIPPED"), tick(2, "SKIPPED"), tick(3, "FAILURE")]

    assert figure(registry, "dagster_ticks_total", **skipped) == 2
    assert figure(registry, "dagster_ticks_total", **{**skipped, "status": "failure"}) == 1


def test_checks_show_their_latest_execution_and_the_days_that_fail() -> None:
    registry = registry_of(Dagster())

    profiles = {"asset": "profile_popularity", "check": "profiles_equal_a_recount", "severity": "error"}
    topic = {"asset": "Pinterest_data", "check": "the_topic_is_set_up_for_the_platform", "severity": "warn"}
    never = {"asset": "pinterest_stream", "check": "the_stream_keeps_up", "severity": "error"}
    assert figure(registry, "dagster_check_passed", asset="clean_pins", check="a", severity="error") == 0
    assert figure(registry, "dagster_check_passed", **profiles) == 0
    assert figure(registry, "dagster_check_passed", **topic) == 0
    assert figure(registry, "dagster_check_passed", **never) is None
    assert figure(registry, "dagster_check_failed_partitions", asset="clean_pins", check="a") == 2


def test_a_partition_has_the_time_of_its_materialization_or_none() -> None:
    registry = registry_of(Dagster())
    name, asset = "dagster_partition_last_materialization_timestamp_seconds", "pinterest_batch"

    assert figure(registry, name, asset=asset, partition="2026-11-25", days_ago="1") == 1_700_000_000
    assert figure(registry, name, asset=asset, partition="2026-11-26", days_ago="0") == 0
    assert figure(registry, "dagster_asset_last_materialization_timestamp_seconds", asset="clean_pins") == 1700000000.5
    assert figure(registry, "dagster_asset_is_fresh", asset="clean_pins") == 0


def test_a_day_that_is_asked_for_in_vain_shows_how_often() -> None:
    registry = registry_of(Dagster())

    assert figure(registry, "pipeline_day_failed_attempts", partition="2026-11-24") == 3
    assert figure(registry, "pipeline_day_failed_attempts", partition="2026-11-25") == 1


@pytest.mark.parametrize("topic", [{}, {"assetObservations": []}, {"assetObservations": [{"metadataEntries": []}]}])
def test_a_topic_that_was_never_looked_at_has_no_failed_day(topic: dict[str, Any]) -> None:
    figures = DagsterFigures(lambda _, **__: {**answer([]), "topic": topic}, clock=lambda: NOW)
    [failed] = [metric for metric in figures.collect() if metric.name == "pipeline_day_failed_attempts"]

    assert failed.samples == []


def test_the_newest_account_of_a_day_is_shown() -> None:
    registry = registry_of(Dagster())
    yesterday, before = {"partition": "2026-11-25", "days_ago": "1"}, {"partition": "2026-11-24", "days_ago": "2"}

    assert figure(registry, "pipeline_day_is_accounted_for", **yesterday) == 1
    assert figure(registry, "pipeline_day_is_accounted_for", **before) == 0
    assert figure(registry, "pipeline_day_records", **yesterday, store="raw") == 11


def test_every_check_without_partitions_is_asked_for() -> None:
    graph = build_definitions(Settings()).resolve_asset_graph()
    unpartitioned = {
        (key.asset_key.to_user_string(), key.name)
        for key in graph.asset_check_keys
        if graph.get(key.asset_key).partitions_def is None
    }

    assert set(WITHOUT_PARTITIONS) == unpartitioned
