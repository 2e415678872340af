from __future__ import annotations

from pinterest_platform_tests.support.memory_publisher import MemoryPublisher
from pinterest_platform_tests.unit.ingest_api.conftest import ApiClient


def test_the_api_is_live_and_ready_while_the_topic_can_be_written(client: ApiClient) -> None:
    assert client.get("/health/live").json() == {"status": "live"}
    assert client.get("/health/ready").json() == {"status": "ready"}


def test_the_api_is_live_but_not_ready_while_the_broker_is_away(client: ApiClient, log: MemoryPublisher) -> None:
    log.is_away = True
    assert client.get("/health/live").status_code == 200
    answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert "away" in answer.json()["detail"]


def test_the_api_is_ready_again_once_the_broker_is_back(client: ApiClient, log: MemoryPublisher) -> None:
    log.is_away = True
    assert client.get("/health/ready").status_code == 503
    log.is_away = False
    assert client.get("/health/ready").status_code == 200
