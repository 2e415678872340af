"""Request ids, logs and metrics of all requests; and who may post and read metrics."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from typing import Any

import httpx
import pytest
from starlette.requests import Request

from ingest_api import metrics_route
from ingest_api.application import create_app
from ingest_api.metrics import IngestMetrics
from ingest_api.publisher import Receipt, Record
from ingest_api.write_keys import hash_of
from pinterest_platform.settings import Settings
from pinterest_platform_tests.support.memory_publisher import MemoryPublisher
from pinterest_platform_tests.support.pins import pin, pin_without
from pinterest_platform_tests.unit.ingest_api.conftest import ApiClient, running

KEY = {"X-API-Key": "of-web"}


@pytest.fixture
def guarded(log: MemoryPublisher) -> Iterator[ApiClient]:
    """An API with a write key."""
    settings = Settings(ingest_write_keys={"web": hash_of("of-web")})
    with running(create_app(settings, log, IngestMetrics())) as client:
        yield client


@pytest.fixture
def full(log: MemoryPublisher) -> Iterator[ApiClient]:
    """An API that holds two events at the most."""
    settings = Settings(ingest_queue_limit_events=2, ingest_batch_limit_events=2)
    with running(create_app(settings, log, IngestMetrics())) as client:
        yield client


def samples(client: ApiClient, **headers: str) -> dict[str, float]:
    page = client.get("/metrics", headers=headers).text
    pairs = (line.rsplit(" ", 1) for line in page.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, value in pairs}


def test_every_answer_names_its_request(client: ApiClient) -> None:
    first, second = (client.post("/pin/", json=pin()).headers["X-Request-ID"] for _ in range(2))
    assert first != second
    assert client.get("/nowhere", headers={"X-Request-ID": "mine-1"}).headers["X-Request-ID"] == "mine-1"
    assert client.get("/nowhere", headers={"X-Request-ID": 'bad"id'}).headers["X-Request-ID"] != 'bad"id'


def test_a_request_that_fails_is_logged_without_what_it_brought(
    client: ApiClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="ingest_api")
    client.post("/pin/", json=pin())
    assert caplog.records == []
    client.post("/pin/", json=pin(title=5, note="private"), headers={"X-API-Key": "secret"})
    [line] = caplog.records
    assert (line.__dict__["route"], line.__dict__["status"], line.__dict__["reason"]) == ("/pin/", 422, "wrong_value")
    assert "private" not in str(line.__dict__)
    assert "secret" not in str(line.__dict__)


def test_requests_and_events_are_counted_by_outcome(client: ApiClient, log: MemoryPublisher) -> None:
    client.post("/pin/", json=pin())
    client.post("/pin/", json=pin_without("title"))
    client.post("/pins/", json=[pin(), pin(index="7"), pin()])
    client.post("/pins/", content=b"[")
    client.get("/somewhere/else")
    log.is_away = True
    client.post("/pins/", json=[pin(), pin()])
    found = samples(client)
    assert found['ingest_events_accepted_total{key="loopback"}'] == 3
    assert found['ingest_events_rejected_total{key="loopback",reason="missing_field"}'] == 1
    assert found['ingest_events_rejected_total{key="loopback",reason="wrong_value"}'] == 1
    assert found['ingest_events_unconfirmed_total{key="loopback"}'] == 2
    assert found['ingest_requests_rejected_total{reason="not_json"}'] == 1
    assert found['ingest_requests_rejected_total{reason="broker_unavailable"}'] == 1
    assert found['ingest_requests_total{method="POST",route="/pins/",status="207"}'] == 1
    assert found['ingest_requests_total{method="GET",route="other",status="404"}'] == 1
    assert found['ingest_request_duration_seconds_count{route="/pin/"}'] == 2
    assert found["ingest_events_in_flight"] == 0
    assert found["ingest_requests_in_progress"] == 1
    assert found["process_resident_memory_bytes"] > 0


def test_with_write_keys_only_their_owners_may_post_and_are_counted_apart(
    guarded: ApiClient, log: MemoryPublisher
) -> None:
    for path, body in (("/pin/", pin()), ("/pins/", [pin()])):
        for headers in ({}, {"X-API-Key": "of-nobody"}):
            answer = guarded.post(path, json=body, headers=headers)
            assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "X-API-Key")
        assert guarded.post(path, json=body, headers=KEY).status_code == 200
    assert len(log.records) == 2
    assert samples(guarded, **KEY)['ingest_events_accepted_total{key="web"}'] == 2


def test_with_write_keys_metrics_are_for_this_machine_and_for_owners(guarded: ApiClient) -> None:
    assert guarded.get("/metrics").status_code == 200  # the client of these tests is on 127.0.0.1
    assert guarded.get("/metrics", headers={"X-Forwarded-For": "203.0.113.9"}).status_code == 401
    assert guarded.get("/metrics", headers={"X-Forwarded-For": "203.0.113.9"} | KEY).status_code == 200


def test_a_request_from_an_address_of_this_machine_to_the_same_one_is_local() -> None:
    def is_local(client: str, server: str) -> bool:
        return metrics_route._is_local(
            Request({"type": "http", "client": (client, 50_000), "server": (server, 8000), "headers": []})
        )

    assert is_local("192.168.1.5", "192.168.1.5")  # Prometheus, where the API listens on the network
    assert is_local("127.0.0.1", "0.0.0.0")  # noqa: S104
    assert not is_local("192.168.1.6", "192.168.1.5")


def test_a_short_outage_after_a_start_is_an_increase(client: ApiClient) -> None:
    assert samples(client)['ingest_events_unconfirmed_total{key="loopback"}'] == 0


def test_health_needs_no_key(guarded: ApiClient) -> None:
    assert guarded.get("/health/live").status_code == guarded.get("/health/ready").status_code == 200


def test_too_much_at_once_is_refused_and_costs_nothing(
    full: ApiClient, log: MemoryPublisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = asyncio.Event()
    publish = log.publish

    async def publish_when_allowed(records: Sequence[Record]) -> Sequence[Receipt]:
        await held.wait()
        return await publish(records)

    monkeypatch.setattr(log, "publish", publish_when_allowed)

    async def scenario() -> list[httpx.Response]:
        first = asyncio.create_task(full.post_async("/pin/", json=pin()))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        second = await full.post_async("/pins/", json=[pin(), pin()])
        held.set()
        return [await first, second]

    first, second = full.run(scenario())
    assert (second.status_code, second.headers["Retry-After"]) == (429, "1")
    assert first.status_code == 200
    assert len(log.records) == 1


def test_a_bug_is_answered_with_the_id_under_which_the_log_has_it(
    client: ApiClient, log: MemoryPublisher, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def break_down(_records: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(log, "publish", break_down)
    answer = client.post("/pin/", json=pin())
    assert answer.status_code == 500
    assert answer.headers["X-Request-ID"] in answer.json()["detail"]
    assert "ZeroDivisionError" in caplog.text
