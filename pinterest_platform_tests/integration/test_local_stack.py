"""The local stack with real servers, on free ports and in its own folder."""

from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from infra.errors import StackError
from infra.local_stack.clean_data import clean_data
from infra.local_stack.processes import descendants, marked
from infra.local_stack.settings import LocalStackSettings
from infra.local_stack.stack import LocalStack
from infra.local_stack.terminal import Terminal
from pinterest_platform.stores.cassandra import open_session
from pinterest_platform.stores.postgres import connect
from pinterest_platform.stores.s3 import open_bucket
from pinterest_platform_tests.support.ports import free_ports, with_ports
from pinterest_platform_tests.support.waiting import wait_for

STORES = ["kafka", "cassandra", "s3", "postgres"]
ROWS = 300
CLI = [sys.executable, "-m", "infra.command_line"]


def settings_below(folder: Path) -> LocalStackSettings:
    return with_ports(LocalStackSettings(state_folder=folder), free_ports())


def stack_for(settings: LocalStackSettings) -> LocalStack:
    return LocalStack(settings, Terminal(io.StringIO()))


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    stack = stack_for(settings_below(tmp_path_factory.mktemp("stack")))
    stack.start(STORES)
    yield stack
    stack.stop()
    clean_data(stack, Terminal(io.StringIO()), ask=False)


@pytest.fixture
def small_stack(tmp_path: Path) -> Iterator[LocalStack]:
    """Not started; S3 and PostgreSQL are enough for what it is used for."""
    stack = stack_for(settings_below(tmp_path))
    yield stack
    stack.stop()
    clean_data(stack, Terminal(io.StringIO()), ask=False)


def run_cli(stack: LocalStack, *arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, **stack.settings.environment()}
    command = [*CLI, *arguments]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def pids(stack: LocalStack) -> dict[str, int]:
    return {name: process.pid for name in STORES if (process := stack.process(name))}


def write_everywhere(settings: LocalStackSettings) -> None:
    producer = KafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers)
    producer.send(settings.kafka_topic, b"kept", partition=0).get(30)
    producer.close()
    open_bucket(settings).put("kept", b"kept", {})
    with connect(settings, autocommit=True) as connection:
        connection.execute("create table kept (word text)")
        connection.execute("insert into kept values ('kept')")
    with open_session(settings) as session:
        session.set_keyspace(settings.cassandra_keyspace)
        session.execute("create table kept (id int primary key, word text)")
        for number in range(ROWS):  # the last of them a few milliseconds before the kill
            session.execute("insert into kept (id, word) values (%s, 'kept')", [number])


def read_everywhere(settings: LocalStackSettings) -> list[object]:
    consumer = KafkaConsumer(bootstrap_servers=settings.kafka_bootstrap_servers)
    partition = TopicPartition(settings.kafka_topic, 0)
    consumer.assign([partition])
    consumer.seek_to_beginning(partition)
    deadline = time.monotonic() + 60  # a partition may find its leader a moment after the broker answers
    while not (records := consumer.poll(timeout_ms=1_000)):
        assert time.monotonic() < deadline, "Kafka has no record"
    consumer.close()
    with open_session(settings) as session, connect(settings) as connection:
        session.set_keyspace(settings.cassandra_keyspace)
        return [
            records[partition][0].value,
            open_bucket(settings).get("kept"),
            session.execute("select count(*) from kept").one().count,
            connection.execute("select word from kept").fetchone(),
        ]


def test_servers_that_were_killed_are_started_again_and_have_kept_everything(stack: LocalStack) -> None:
    doomed = pids(stack)
    write_everywhere(stack.settings)
    for pid in doomed.values():
        os.kill(pid, signal.SIGKILL)

    stack.start(STORES)

    assert read_everywhere(stack.settings) == [b"kept", b"kept", ROWS, ("kept",)]


def test_only_the_server_that_is_gone_is_started(stack: LocalStack) -> None:
    before = pids(stack)
    os.kill(before["s3"], signal.SIGKILL)
    wait_for(lambda: stack.process("s3") is None)

    stack.start(STORES)

    changed = {name for name, pid in pids(stack).items() if before[name] != pid}
    assert changed == {"s3"}


def test_every_server_listens_on_loopback_only(stack: LocalStack) -> None:
    for name in STORES:
        process = stack.process(name)
        assert process is not None
        for each in (process, *descendants(process)):
            listening = [entry for entry in each.net_connections("tcp") if entry.status == psutil.CONN_LISTEN]
            assert {entry.laddr[0].removeprefix("::ffff:") for entry in listening} <= {"127.0.0.1"}, name


def test_wrong_passwords_are_refused(stack: LocalStack) -> None:
    settings = stack.settings
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(host="127.0.0.1", port=settings.postgres_port, user=settings.postgres_user, password="guess")


def test_no_secret_is_in_a_log_or_on_a_command_line(stack: LocalStack) -> None:
    credentials = stack.place.credentials
    secrets = [credentials.postgres_password, credentials.postgres_superuser_password, credentials.s3_secret_key]
    secrets.append(credentials.postgres_monitor_password)
    commands = " ".join(argument for process in marked(stack.place.state) for argument in process.cmdline())
    logs = "".join(log.read_text() for log in (stack.place.state / "logs").iterdir())

    assert not any(secret in commands + logs for secret in secrets)


def test_a_start_with_other_settings_names_them(stack: LocalStack) -> None:
    other = stack.settings.model_copy(update={"s3_bucket": "another"})

    with pytest.raises(StackError, match="running with other values of PINTEREST_S3_BUCKET"):
        stack_for(other).start(["s3"])


def test_a_stop_works_after_the_starter_was_killed(small_stack: LocalStack) -> None:
    with run_cli(small_stack, "start", "s3", "postgres") as starter:
        wait_for(lambda: small_stack.process("s3"))
        starter.kill()

    with run_cli(small_stack, "stop") as stop:
        assert stop.wait(60) == 0

    assert not small_stack.is_running()


def test_a_start_that_is_terminated_stops_what_it_began(small_stack: LocalStack) -> None:
    with run_cli(small_stack, "start", "cassandra", "s3") as starter:
        wait_for(lambda: small_stack.process("cassandra"))
        starter.terminate()
        assert starter.wait(60) == 130

    assert not small_stack.is_running()


def test_two_starts_at_once_do_not_meet(small_stack: LocalStack) -> None:
    with run_cli(small_stack, "start", "s3") as first:
        wait_for(lambda: small_stack.process("s3"))
        with pytest.raises(StackError, match=f"Process {first.pid} is starting or stopping"):
            small_stack.start(["s3"])
        assert first.wait(60) == 0


def test_a_busy_port_is_a_sentence_and_leaves_nothing_running(small_stack: LocalStack) -> None:
    port = small_stack.settings.postgres_port
    with socket.create_server(("127.0.0.1", port)), run_cli(small_stack, "start", "postgres", "s3") as start:
        assert start.stdout is not None
        said = start.stdout.read()

    assert start.returncode == 1
    assert f"Port {port} (postgres, PINTEREST_POSTGRES_PORT) is in use by process {os.getpid()}" in said
    assert not small_stack.is_running()


def test_a_server_that_dies_while_starting_shows_its_last_words(small_stack: LocalStack) -> None:
    data = small_stack.place.state / "kafka" / "data"
    data.mkdir(parents=True)
    (data / "meta.properties").write_text("version=nonsense\n")

    words = r"(?s)kafka ended while it was starting\. The last lines of .*kafka.log:.*No readable meta.properties files"
    with pytest.raises(StackError, match=words):
        small_stack.start(["kafka", "postgres"])

    assert not small_stack.is_running()


def test_an_orphan_of_the_stack_is_ended_with_it(small_stack: LocalStack) -> None:
    small_stack.start(["postgres"])
    environment = {**os.environ, "PINTEREST_STACK": str(small_stack.place.state)}
    with subprocess.Popen([sys.executable, "-c", "input()"], env=environment, stdin=subprocess.PIPE) as orphan:
        wait_for(lambda: marked(small_stack.place.state))
        small_stack.stop()

        assert orphan.wait(10) == -signal.SIGTERM
