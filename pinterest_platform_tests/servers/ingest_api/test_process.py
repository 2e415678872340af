"""`python -m ingest_api` as its operators meet it: started, asked, stopped."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from kafka.admin import KafkaAdminClient

from ingest_api.emulator.emulation import Emulation, emulate
from ingest_api.pin_routes import EXAMPLE_PIN
from pinterest_platform.settings import Settings
from pinterest_platform.stores.kafka import create_topic

START_SECONDS = 30.0
# A proxy of the environment must not stand between a test and the loopback interface.
HTTP = httpx.Client(trust_env=False, timeout=10)


@pytest.fixture
def own_settings(settings: Settings) -> Iterator[Settings]:
    """A free port, and an empty topic of this test."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    own = settings.model_copy(
        update={"ingest_host": "127.0.0.1", "ingest_port": port, "kafka_topic": f"pins-{uuid.uuid4()}"}
    )
    create_topic(own)
    admin = KafkaAdminClient(bootstrap_servers=own.kafka_bootstrap_servers)
    yield own
    admin.delete_topics([own.kafka_topic])
    admin.close()


@contextmanager
def serving(settings: Settings, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "ingest_api"]
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=os.environ | settings.environment(), stdout=output, stderr=output)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=10)


def wait_for(url: str, status: int) -> httpx.Response:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            if (answer := HTTP.get(url)).status_code == status:
                return answer
        except httpx.TransportError:
            pass
        assert time.monotonic() < deadline, f"{url} did not answer {status}"
        time.sleep(0.1)


def url_of(settings: Settings) -> str:
    return f"http://{settings.ingest_host}:{settings.ingest_port}"


def test_a_pin_is_taken_and_sigterm_ends_the_process_cleanly(own_settings: Settings, tmp_path: Path) -> None:
    url = url_of(own_settings)
    with serving(own_settings, tmp_path / "api.log") as process:
        wait_for(f"{url}/health/ready", 200)
        answer = HTTP.post(f"{url}/pin/", json=EXAMPLE_PIN)
        assert answer.status_code == 200
        assert answer.json()["offset"] == 0
    assert process.returncode == 0


def test_without_a_broker_the_api_lives_says_so_and_refuses_in_time(own_settings: Settings, tmp_path: Path) -> None:
    url = url_of(own_settings)
    away = own_settings.model_copy(update={"kafka_bootstrap_servers": "127.0.0.1:1"})
    with serving(away, tmp_path / "api.log") as process:
        wait_for(f"{url}/health/live", 200)
        assert HTTP.get(f"{url}/health/ready").status_code == 503
        answer = HTTP.post(f"{url}/pin/", json=EXAMPLE_PIN)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        assert answer.elapsed.total_seconds() < 2
    assert process.returncode == 0


def test_a_busy_port_is_a_sentence_and_exit_code_1(own_settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", own_settings.ingest_port)):
        process = subprocess.run(
            [sys.executable, "-m", "ingest_api"],
            env=os.environ | own_settings.environment(),
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
            check=False,
        )
    assert process.returncode == 1
    assert f"Cannot listen on 127.0.0.1:{own_settings.ingest_port}" in process.stderr
    assert "PINTEREST_INGEST_PORT" in process.stderr


def test_emulated_pins_are_all_acknowledged_or_refused(own_settings: Settings, tmp_path: Path) -> None:
    with serving(own_settings, tmp_path / "api.log"):
        # The API may still be starting: the emulator waits for it.
        result = emulate(Emulation(url_of(own_settings), count=500, malformed_share=0.1))
    assert result.posted == 500 == result.acknowledged + result.refused
    assert 25 <= result.refused <= 75
