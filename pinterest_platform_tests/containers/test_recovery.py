"""Nothing acknowledged is lost when containers are killed, stopped or made anew."""

from __future__ import annotations

import pytest

from pinterest_platform_tests.containers.test_pins import materialise, wait_for_stream
from pinterest_platform_tests.support.acknowledged import Acknowledged
from pinterest_platform_tests.support.containers import Containers
from pinterest_platform_tests.support.waiting import repeated, wait_for

pytestmark = pytest.mark.timeout(14_400)
# Kafka and the stores first: what uses them has to find them again.
KILLED = (
    *("kafka", "cassandra", "s3", "postgres", "presto", "ingest-api", "dagster-code", "dagster-web", "dagster-reader"),
    *("dagster-daemon", "prometheus", "postgres-exporter", "platform-exporter", "proxy"),
)
# What a first process answers to SIGTERM: the end of its own, or Java's and the shell's word for it.
CLEAN_ENDS = {0, 143}


def test_every_service_is_killed_below(platform: Containers) -> None:
    assert sorted(KILLED) == platform.services


@pytest.mark.parametrize("service", KILLED)
def test_a_killed_container_comes_back_while_pins_are_posted(
    platform: Containers, acknowledged: Acknowledged, service: str
) -> None:
    before = platform.state(service)
    with repeated(lambda: acknowledged.post(10), 1.0):
        platform.kill(service)
        wait_for(lambda: platform.state(service)["RestartCount"] > before["RestartCount"], 600)
        platform.wait_until_healthy(service)


def test_every_pin_of_the_kills_is_in_every_store_once(platform: Containers, acknowledged: Acknowledged) -> None:
    acknowledged.post(100)
    wait_for_stream(platform)
    materialise(platform)

    assert acknowledged.faults() == []


def test_containers_end_cleanly_and_soon(platform: Containers) -> None:
    platform.compose("stop")
    ends = {service: platform.state(service)["State"]["ExitCode"] for service in platform.services}

    assert {service: code for service, code in ends.items() if code not in CLEAN_ENDS} == {}


def test_new_containers_find_the_data_of_the_old_ones(platform: Containers, acknowledged: Acknowledged) -> None:
    platform.compose("down")
    platform.start()

    assert acknowledged.faults() == []
    acknowledged.post(100)
    wait_for_stream(platform)
    materialise(platform)
    assert acknowledged.faults() == []
