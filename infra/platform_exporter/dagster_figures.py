"""Dagster as its GraphQL API shows it: runs, ticks, daemons, how fresh assets are, and what checks found.

Each scrape asks one GraphQL query through `infra.dagster_client`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

Ask = Callable[..., Any]  # of a query and its variables; gives the data of the answer

ACCOUNT = "every_event_is_accounted_for"
TOPIC = "Pinterest_data"  # the asset's name, whatever the topic's name is
DAYS = 8  # today and the seven days before
_STATUSES = ("QUEUED", "STARTING", "STARTED", "CANCELING", "SUCCESS", "FAILURE", "CANCELED")
_TICK_WINDOW = timedelta(minutes=5)  # far longer than a scrape interval; each tick is still counted once
_ENDED_TICKS = {"SUCCESS", "SKIPPED", "FAILURE"}
_REPOSITORY = '{repositoryLocationName: "pinterest_platform", repositoryName: "__repository__"}'
_GROUP = '{groupName: "batch", repositoryLocationName: "pinterest_platform", repositoryName: "__repository__"}'
_TICKS = "status ticks(afterTimestamp: $since) { id status timestamp }"
_RUNS = "\n".join(
    f"{status}: runsOrError(filter: {{statuses: [{status}]}}) {{ ... on Runs {{ count }} }}" for status in _STATUSES
)
# One query per day: among the newest executions of all days, a long backfill would hide today's.
_DAY_VARIABLES = ", ".join(f"$day{number}: String!" for number in range(DAYS))
_ACCOUNTS = "\n".join(
    f"""account{number}: assetCheckExecutions(
      assetKey: {{path: ["pinterest_batch"]}}, checkName: "{ACCOUNT}", partition: $day{number}, limit: 3
    ) {{ status evaluation {{ metadataEntries {{ label ... on IntMetadataEntry {{ intValue }} }} }} }}"""
    for number in range(DAYS)
)
# Checks of assets without partitions, by the newest execution: `executionForLatestMaterialization` is empty again as
# soon as the stream reports its next materialisation, long before the check runs anew.
WITHOUT_PARTITIONS = (
    ("pinterest_stream", "event_ids_stay_with_their_events"),
    ("pinterest_stream", "no_record_is_stored_twice"),
    ("pinterest_stream", "the_stream_is_fresh"),
    ("pinterest_stream", "the_stream_keeps_up"),
    ("profile_popularity", "profiles_equal_a_recount"),
    (TOPIC, "the_topic_is_set_up_for_the_platform"),
    ("misdated_records", "every_misdated_record_is_accounted_for"),
)
_EXECUTIONS = "\n".join(
    f"""check{number}: assetCheckExecutions(assetKey: {{path: ["{asset}"]}}, checkName: "{check}", limit: 5) {{
      status evaluation {{ severity }} }}"""
    for number, (asset, check) in enumerate(WITHOUT_PARTITIONS)
)
QUERY = f"""
query Figures($since: Float!, $days: [String!]!, {_DAY_VARIABLES}) {{
  {_RUNS}
  instance {{ daemonHealth {{ allDaemonStatuses {{ daemonType required healthy }} }} }}
  sensorsOrError(repositorySelector: {_REPOSITORY}) {{
    ... on Sensors {{ results {{ name state: sensorState {{ {_TICKS} }} }} }} }}
  schedulesOrError(repositorySelector: {_REPOSITORY}) {{
    ... on Schedules {{ results {{ name state: scheduleState {{ {_TICKS} }} }} }} }}
  assetNodes {{
    assetKey {{ path }}
    assetMaterializations(limit: 1) {{ timestamp }}
    freshnessStatusInfo {{ freshnessStatus }}
    assetChecksOrError {{ ... on AssetChecks {{ checks {{
      name
      executionForLatestMaterialization {{ status evaluation {{ severity }} }}
      partitionStatuses {{ ... on AssetCheckTimePartitionStatuses {{ ranges {{ startTime endTime status }} }} }}
    }} }} }}
  }}
  batch: assetNodes(group: {_GROUP}) {{
    assetKey {{ path }}
    latestMaterializationByPartition(partitions: $days) {{ timestamp partition }}
  }}
  topic: assetOrError(assetKey: {{path: ["{TOPIC}"]}}) {{ ... on Asset {{
    assetObservations(limit: 1) {{ metadataEntries {{ label ... on JsonMetadataEntry {{ jsonString }} }} }}
  }} }}
  {_ACCOUNTS}
  {_EXECUTIONS}
}}"""
_PASSED = {"SUCCEEDED": 1.0, "FAILED": 0.0, "EXECUTION_FAILED": 0.0}
_FAILED = {"FAILED", "EXECUTION_FAILED"}


class DagsterFigures:
    """Counts ticks since its start; everything else is Dagster's present state."""

    def __init__(self, ask: Ask, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._ask = ask
        self._clock = clock
        self._ticks: Counter[tuple[str, str, str]] = Counter()
        self._counted: set[str] = set()

    def collect(self) -> Iterator[Metric]:
        """All metrics, from one query.

        Raises:
            DagsterUnavailableError: Dagster's webserver does not answer.
            DagsterRefusedError: it refuses the query.
        """
        now = self._clock()
        days = [now.date() - timedelta(days=number) for number in range(DAYS)]
        since = (now - _TICK_WINDOW).timestamp()
        by_number = {f"day{number}": day.isoformat() for number, day in enumerate(days)}
        answer = self._ask(QUERY, since=since, days=list(by_number.values()), **by_number)
        yield _runs(answer)
        yield _daemons(answer["instance"]["daemonHealth"]["allDaemonStatuses"])
        yield from self._instigators(answer)
        yield from _assets(answer["assetNodes"])
        yield _failed_partitions(answer["assetNodes"])
        yield _passed(answer)
        yield _partitions(answer["batch"], days)
        yield from _accounts([answer[f"account{number}"] for number in range(DAYS)], days)
        yield _failed_attempts(answer["topic"])

    def _instigators(self, answer: Any) -> Iterator[Metric]:
        kinds = {"sensor": answer["sensorsOrError"], "schedule": answer["schedulesOrError"]}
        on = GaugeMetricFamily(
            "dagster_instigator_on", "1 if the sensor or schedule is switched on.", labels=["kind", "name"]
        )
        seen: set[str] = set()
        for kind, found in kinds.items():
            for each in found["results"]:
                on.add_metric([kind, each["name"]], float(each["state"]["status"] == "RUNNING"))
                seen |= self._count_ticks(kind, each["name"], each["state"]["ticks"])
        self._counted = seen
        yield on
        ticks = CounterMetricFamily(
            "dagster_ticks", "Ticks that have ended since this exporter started.", labels=["kind", "name", "status"]
        )
        for labels, count in self._ticks.items():
            ticks.add_metric(labels, count)
        yield ticks

    def _count_ticks(self, kind: str, name: str, ticks: Sequence[Any]) -> set[str]:
        ended = {tick["id"]: tick["status"] for tick in ticks if tick["status"] in _ENDED_TICKS}
        for identity in ended.keys() - self._counted:
            self._ticks[kind, name, ended[identity].lower()] += 1
        return set(ended)


def _runs(answer: Any) -> Metric:
    runs = GaugeMetricFamily("dagster_runs", "Runs by status, including finished ones.", labels=["status"])
    for status in _STATUSES:
        runs.add_metric([status.lower()], answer[status]["count"])
    return runs


def _daemons(statuses: Sequence[Any]) -> Metric:
    healthy = GaugeMetricFamily("dagster_daemon_healthy", "1 if the daemon sends heartbeats.", labels=["daemon"])
    for each in statuses:
        if each["required"]:
            healthy.add_metric([each["daemonType"].lower()], float(bool(each["healthy"])))
    return healthy


def _assets(nodes: Sequence[Any]) -> Iterator[Metric]:
    last = GaugeMetricFamily(
        "dagster_asset_last_materialization_timestamp_seconds",
        "When the asset was last materialised.",
        labels=["asset"],
    )
    fresh = GaugeMetricFamily("dagster_asset_is_fresh", "1 if the asset meets its freshness policy.", labels=["asset"])
    for node in nodes:
        for materialization in node["assetMaterializations"]:
            last.add_metric([_name(node)], _seconds(materialization))
        status = (node["freshnessStatusInfo"] or {}).get("freshnessStatus")
        if status in {"HEALTHY", "WARNING", "DEGRADED"}:
            fresh.add_metric([_name(node)], float(status != "DEGRADED"))
    yield last
    yield fresh


def _failed_partitions(nodes: Sequence[Any]) -> Metric:
    failed = GaugeMetricFamily(
        "dagster_check_failed_partitions", "Partitions whose latest execution failed.", labels=["asset", "check"]
    )
    for node in nodes:
        for check in node["assetChecksOrError"].get("checks", ()):
            if ranges := (check["partitionStatuses"] or {}).get("ranges"):
                failed.add_metric([_name(node), check["name"]], sum(map(_failed_days, ranges)))
    return failed


def _passed(answer: Any) -> Metric:
    passed = GaugeMetricFamily(
        "dagster_check_passed", "1 if the check's latest execution passed.", labels=["asset", "check", "severity"]
    )
    latest = {
        (_name(node), check["name"]): [check["executionForLatestMaterialization"]]
        for node in answer["assetNodes"]
        for check in node["assetChecksOrError"].get("checks", ())
    }
    latest |= {key: answer[f"check{number}"] for number, key in enumerate(WITHOUT_PARTITIONS)}
    for (asset, check), executions in latest.items():
        ended = (each for each in executions if each and each["status"] in _PASSED)
        if execution := next(ended, None):
            severity = (execution["evaluation"] or {}).get("severity", "ERROR").lower()
            passed.add_metric([asset, check, severity], _PASSED[execution["status"]])
    return passed


def _failed_days(stretch: Any) -> int:
    days = round((stretch["endTime"] - stretch["startTime"]) / timedelta(days=1).total_seconds())
    return max(1, days) if stretch["status"] in _FAILED else 0


def _partitions(nodes: Sequence[Any], days: Sequence[date]) -> Metric:
    last = GaugeMetricFamily(
        "dagster_partition_last_materialization_timestamp_seconds",
        "When the day's partition was last materialised; 0 if never.",
        labels=["asset", "partition", "days_ago"],
    )
    for node in nodes:
        found = {each["partition"]: _seconds(each) for each in node["latestMaterializationByPartition"] if each}
        for days_ago, day in enumerate(days):
            last.add_metric([_name(node), day.isoformat(), str(days_ago)], found.get(day.isoformat(), 0.0))
    return last


def _accounts(executions: Sequence[Sequence[Any]], days: Sequence[date]) -> Iterator[Metric]:
    """The newest ended execution of each day. `executions` has one sequence per day, newest first."""
    labels = ["partition", "days_ago"]
    accounted = GaugeMetricFamily("pipeline_day_is_accounted_for", f"1 if {ACCOUNT} passed.", labels=labels)
    records = GaugeMetricFamily(
        "pipeline_day_records", f"Records of the day in each store, as counted by {ACCOUNT}.", labels=[*labels, "store"]
    )
    for days_ago, (day, of_day) in enumerate(zip(days, executions, strict=True)):
        for execution in [execution for execution in of_day if execution["status"] in _PASSED][:1]:
            accounted.add_metric([day.isoformat(), str(days_ago)], _PASSED[execution["status"]])
            for store, count in _numbers(execution).items():
                records.add_metric([day.isoformat(), str(days_ago), store], count)
    yield accounted
    yield records


def _failed_attempts(topic: Any) -> Metric:
    """Consecutive failed runs of each day with an open request, from the sensor's last observation."""
    failed = GaugeMetricFamily(
        "pipeline_day_failed_attempts",
        "Consecutive failed runs of a day that is still requested.",
        labels=["partition"],
    )
    for observation in topic.get("assetObservations", ()):
        said = {entry["label"]: entry.get("jsonString") for entry in observation["metadataEntries"]}
        for day, times in json.loads(said.get("failed_attempts") or "{}").items():
            failed.add_metric([day], float(times))
    return failed


def _numbers(execution: Any) -> dict[str, int]:
    entries = (execution["evaluation"] or {}).get("metadataEntries", ())
    return {entry["label"]: entry["intValue"] for entry in entries if entry.get("intValue") is not None}


def _name(node: Any) -> str:
    return "/".join(node["assetKey"]["path"])


def _seconds(materialization: Any) -> float:
    return float(materialization["timestamp"]) / 1000
