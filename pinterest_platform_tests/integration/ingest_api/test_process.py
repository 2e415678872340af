"""`python -m ingest_api` as a process: start, requests, stop."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

from infra.local_stack.stack import LocalStack
from ingest_api.emulator.delivery import Acknowledged
from ingest_api.emulator.emulation import Emulation, Observer, emulate
from ingest_api.emulator.pace import at_rate
from ingest_api.emulator.post import Post
from ingest_api.pin_routes import EXAMPLE_PIN
from pinterest_platform.settings import Settings
from pinterest_platform.stores.kafka import create_topic, open_topic
from pinterest_platform_tests.support.outages import kill_server

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


def stored_events(settings: Settings) -> dict[tuple[int, int], str]:
    """The ids of the events in Kafka, by partition and offset."""
    with open_topic(settings) as topic:
        return {
            (partition, record.offset): json.loads(record.value or b"{}")["event_id"]
            for partition, end in topic.end_offsets().items()
            for record in topic.read(partition, 0, end)
        }


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


def refused_start(settings: Settings) -> str:
    """What the API says when it will not start with these settings."""
    process = subprocess.run(
        [sys.executable, "-m", "ingest_api"],
        env=os.environ | settings.environment(),
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )
    assert process.returncode == 1
    return process.stderr


def test_a_busy_port_is_a_sentence_and_exit_code_1(own_settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", own_settings.ingest_port)):
        said = refused_start(own_settings)
    assert f"Cannot listen on 127.0.0.1:{own_settings.ingest_port}" in said
    assert "PINTEREST_INGEST_PORT" in said


def test_without_write_keys_the_api_does_not_serve_other_machines(own_settings: Settings) -> None:
    said = refused_start(own_settings.model_copy(update={"ingest_host": "0.0.0.0"}))  # noqa: S104
    assert "without write keys the API serves this machine only" in said
    assert "python -m ingest_api.write_keys NAME" in said


class Speaker:
    """A client that says what it likes, byte by byte."""

    def __init__(self, settings: Settings) -> None:
        self._socket = socket.create_connection((settings.ingest_host, settings.ingest_port), timeout=10)

    def say(self, text: bytes) -> None:
        with suppress(ConnectionError):
            self._socket.sendall(text)

    def hear(self) -> bytes:
        """Everything until the other side closes."""
        heard = b""
        with suppress(ConnectionError):
            while some := self._socket.recv(65_536):
                heard += some
        self._socket.close()
        return heard


def test_sigterm_lets_an_accepted_request_finish_and_ends_within_ten_seconds(
    own_settings: Settings, tmp_path: Path
) -> None:
    url, body = url_of(own_settings), json.dumps(EXAMPLE_PIN).encode()
    with serving(own_settings, tmp_path / "api.log") as process:
        wait_for(f"{url}/health/ready", 200)
        accepted = Speaker(own_settings)
        accepted.say(b"POST /pin/ HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body[:5])
        time.sleep(0.3)
        process.terminate()
        began = time.monotonic()
        time.sleep(1)
        with pytest.raises(OSError, match="refused"):
            Speaker(own_settings)
        accepted.say(body[5:])
        assert accepted.hear().startswith(b"HTTP/1.1 200 OK")
        assert process.wait(timeout=10) == 0
        assert time.monotonic() - began < 10


def test_heads_that_are_slow_large_or_too_many_are_cut_off_and_others_are_served(
    own_settings: Settings, tmp_path: Path
) -> None:
    tight = own_settings.model_copy(update={"ingest_connection_limit": 20})
    url = url_of(tight)
    with serving(tight, tmp_path / "api.log"):
        wait_for(f"{url}/health/ready", 200)
        slow, silent, large = (Speaker(tight) for _ in range(3))
        large.say(b"GET / HTTP/1.1\r\n" + b"X-Filling: " + b"x" * 1_000_000)
        assert b"431" in large.hear()[:13]
        began = time.monotonic()
        for letter in b"GET / HTTP/1.1\r\nX-Slow: " + b"x" * 40:
            slow.say(bytes([letter]))
            time.sleep(0.1)
        assert (slow.hear(), silent.hear()) == (b"", b"")
        assert time.monotonic() - began < 9

        HTTP.get(f"{url}/health/live")
        crowd = [Speaker(tight) for _ in range(25)]
        assert crowd[-1].hear().startswith(b"HTTP/1.1 503")
        assert HTTP.post(f"{url}/pin/", json=EXAMPLE_PIN).status_code == 200  # over a connection that it has


def test_a_batch_that_the_broker_finds_too_large_is_split_and_acknowledged(
    own_settings: Settings, tmp_path: Path
) -> None:
    limit = ConfigResource(ConfigResourceType.TOPIC, own_settings.kafka_topic, {"max.message.bytes": "20000"})
    admin = KafkaAdminClient(bootstrap_servers=own_settings.kafka_bootstrap_servers)
    admin.alter_configs([limit])
    admin.close()
    with serving(own_settings, tmp_path / "api.log"):
        wait_for(f"{url_of(own_settings)}/health/ready", 200)
        events = [EXAMPLE_PIN | {"unique_id": "the same", "event_id": f"e{number}"} for number in range(200)]
        answer = HTTP.post(f"{url_of(own_settings)}/pins/", json=events)
    assert answer.status_code == 200
    results = answer.json()["results"]
    assert [result["event_id"] for result in results] == [event["event_id"] for event in events]
    places = {(result["partition"], result["offset"]): result["event_id"] for result in results}
    assert stored_events(own_settings) == places


def test_emulated_pins_are_all_acknowledged_or_refused(own_settings: Settings, tmp_path: Path) -> None:
    with serving(own_settings, tmp_path / "api.log"):
        # The API may still be starting: the emulator waits for it.
        result = emulate(Emulation(url_of(own_settings), count=500, malformed_share=0.1))
    assert result.posted == 500 == result.acknowledged + result.refused
    assert 25 <= result.refused <= 75


class Witness(Observer):
    """Remembers which event was acknowledged at which place, and when."""

    def __init__(self) -> None:
        self.events: dict[tuple[int, int], str] = {}
        self.times: list[float] = []

    def acknowledged(self, post: Post, acknowledged: Acknowledged) -> None:
        self.events[acknowledged.partition, acknowledged.offset] = post.event_id
        self.times.append(time.monotonic())

    def wait_for_more(self, seconds: float) -> None:
        seen, deadline = len(self.times), time.monotonic() + seconds
        while len(self.times) == seen:
            assert time.monotonic() < deadline, f"no event was acknowledged within {seconds} s"
            time.sleep(0.05)


@contextmanager
def posting(settings: Settings, count: int, rate: float) -> Iterator[Witness]:
    """The emulator in a thread; the end of the block waits until all is acknowledged."""
    witness = Witness()
    emulation = Emulation(url_of(settings), count, pace=at_rate(rate, time.monotonic))
    with ThreadPoolExecutor(1) as pool:
        posted = pool.submit(emulate, emulation, witness)
        yield witness
        assert posted.result().acknowledged == count


def test_what_was_acknowledged_is_in_kafka_though_api_and_broker_were_killed(
    own_settings: Settings, test_stack: LocalStack, tmp_path: Path
) -> None:
    """A short version of `benchmarks.ingest_kills`."""
    with ExitStack() as stack, posting(own_settings, count=3_000, rate=300) as witness:
        first = stack.enter_context(serving(own_settings, tmp_path / "first.log"))
        witness.wait_for_more(START_SECONDS)
        first.kill()
        first.wait()
        stack.enter_context(serving(own_settings, tmp_path / "second.log"))
        witness.wait_for_more(START_SECONDS)

        kill_server(test_stack, "kafka")
        gone_at = time.monotonic() + 0.5  # what was on its way may still arrive
        time.sleep(1.5)
        back_at = time.monotonic()
        test_stack.start(["kafka"])
        witness.wait_for_more(START_SECONDS)
        posted = witness
    stored = stored_events(own_settings)
    assert {place: stored[place] for place in posted.events} == posted.events
    assert len(set(posted.events.values())) == 3_000
    assert not [at for at in posted.times if gone_at < at < back_at]
