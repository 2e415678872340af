"""The proxy as a client meets it: passwords, roles, keys and limits."""

from __future__ import annotations

from collections import Counter
from typing import Any

import httpx
import pytest

from infra.dagster_client import REPOSITORY
from ingest_api.write_keys import HEADER
from pinterest_platform.pins.calendar import today
from pinterest_platform_tests.support.containers import Containers
from pinterest_platform_tests.support.pins import pin

pytestmark = pytest.mark.timeout(1_800)
PAGES = ("proxy_dagster_port", "proxy_presto_port", "proxy_prometheus_port")
ROLES = ("reader", "operator")
FLOOD = 1_500
STOP = "mutation Stop($id: String!) { stopSensor(id: $id) { __typename } }"
START = "mutation Start($sensor: SensorSelector!) { startSensor(sensorSelector: $sensor) { __typename } }"
LAUNCH = "mutation Launch($parameters: ExecutionParams!) { launchRun(executionParams: $parameters) { __typename } }"
RELOAD = "mutation { reloadWorkspace { __typename } }"
POOL = 'mutation { setConcurrencyLimit(concurrencyKey: "raw_pins", limit: 7) }'
SENSOR = {**REPOSITORY, "sensorName": "keep_streaming"}
PARAMETERS = {
    "selector": {**REPOSITORY, "jobName": "daily_batch"},
    "runConfigData": {},
    "executionMetadata": {"tags": [{"key": "dagster/partition", "value": today().isoformat()}]},
}


def page(platform: Containers, port: str, user: str | None = None) -> httpx.Client:
    return platform.client(getattr(platform.settings, port), user)


def ask(client: httpx.Client, query: str, **variables: Any) -> Any:
    return client.post("/graphql", json={"query": query, "variables": variables}).raise_for_status().json()["data"]


@pytest.mark.parametrize("port", PAGES)
def test_a_page_wants_a_password(platform: Containers, port: str) -> None:
    with page(platform, port) as client:
        assert client.get("/").status_code == 401
        assert client.get("/", auth=("reader", "guessed")).status_code == 401
        assert client.post("/graphql", auth=("operator", "guessed"), json={}).status_code == 401
        assert client.post("/v1/statement", auth=("operator", ""), content="SELECT 1").status_code == 401


@pytest.mark.parametrize("user", ROLES)
@pytest.mark.parametrize(
    ("port", "path"),
    [("proxy_dagster_port", "/asset-groups"), ("proxy_presto_port", "/ui/"), ("proxy_prometheus_port", "/user/")],
)
def test_both_roles_see_every_page(platform: Containers, user: str, port: str, path: str) -> None:
    with page(platform, port, user) as client:
        assert client.get(path, follow_redirects=True).status_code == 200


@pytest.mark.parametrize(
    ("mutation", "variables"),
    [
        (LAUNCH, {"parameters": PARAMETERS}),
        (START, {"sensor": SENSOR}),
        (RELOAD, {}),
        (STOP, {"id": "any"}),
    ],
)
def test_a_reader_changes_nothing_in_dagster(platform: Containers, mutation: str, variables: Any) -> None:
    with page(platform, "proxy_dagster_port", "reader") as client:
        [answer] = ask(client, mutation, **variables).values()

    assert answer["__typename"] == "UnauthorizedError"


def test_a_reader_reports_nothing_to_dagster_and_sets_no_pool(platform: Containers) -> None:
    with page(platform, "proxy_dagster_port", "reader") as client:
        assert client.post("/report_asset_materialization/raw_pins", json={}).status_code == 401
        assert client.post("/graphql", json={"query": POOL}).json().get("errors")


def test_an_operator_changes_dagster(platform: Containers) -> None:
    with page(platform, "proxy_dagster_port", "operator") as client:
        assert ask(client, START, sensor=SENSOR)["startSensor"]["__typename"] == "Sensor"


def test_a_reader_sends_no_query_to_presto_and_an_operator_does(platform: Containers) -> None:
    headers = {"X-Presto-User": "pinterest"}
    statuses = {}
    for user in ROLES:
        with page(platform, "proxy_presto_port", user) as client:
            statuses[user] = client.post("/v1/statement", content="SELECT 1", headers=headers).status_code

    assert statuses == {"reader": 403, "operator": 200}


def test_another_sites_page_cannot_use_a_persons_password(platform: Containers) -> None:
    with page(platform, "proxy_dagster_port", "operator") as client:
        own = f"https://localhost:{platform.settings.proxy_dagster_port}"
        statuses = [
            client.get("/server_info", headers={"Origin": one}).status_code for one in (own, "https://evil.example")
        ]

    assert statuses == [200, 403]


def test_the_api_wants_a_key(platform: Containers) -> None:
    keys = {"none": {}, "wrong": {HEADER: "guessed"}, "valid": {HEADER: platform.key}}
    with page(platform, "proxy_ingest_port") as client:
        # An array is no pin: with a valid key it is judged, and stores nothing.
        statuses = {name: client.post("/pin/", json=[pin()], headers=key).status_code for name, key in keys.items()}

    assert statuses == {"none": 401, "wrong": 401, "valid": 422}


def test_the_api_shows_no_metrics_to_the_outside(platform: Containers) -> None:
    with page(platform, "proxy_ingest_port") as client:
        assert client.get("/metrics").status_code == 404
        assert client.get("/health/ready").status_code == 200


def test_a_flood_from_one_client_is_turned_away(platform: Containers) -> None:
    with page(platform, "proxy_ingest_port") as client:
        answers = [client.get("/health/live") for _ in range(FLOOD)]
    refused = [answer for answer in answers if answer.status_code == 429]

    assert Counter(answer.status_code for answer in answers).keys() == {200, 429}
    assert refused[0].headers["Retry-After"] == "1"
    assert "too many requests" in refused[0].json()["detail"]
