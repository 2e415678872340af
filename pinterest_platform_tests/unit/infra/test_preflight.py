from __future__ import annotations

import io
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from infra.errors import StackError
from infra.local_stack.preflight import check_disk, check_memory, check_ports, without_busy_watchers
from infra.local_stack.server import Server, nothing
from infra.local_stack.settings import LocalStackSettings
from infra.local_stack.terminal import Terminal

SERVER = Server(name="kafka", address="", ports={}, command=(), folder=Path(), check=nothing)
SETTINGS = LocalStackSettings(state_folder=Path("/nonexistent/state"))


def test_a_busy_port_is_named_with_its_setting_and_its_holder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.local_stack.preflight.PATIENCE_SECONDS", 0)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(StackError) as error:
            check_ports([replace(SERVER, ports={"kafka_controller_port": port})])

    assert f"Port {port} (kafka, PINTEREST_KAFKA_CONTROLLER_PORT) is in use by process" in str(error.value)


def test_a_port_that_a_client_just_left_is_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            listener.accept()[0].close()

    check_ports([replace(SERVER, ports={"kafka_controller_port": port})])


def test_one_port_for_two_servers_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    with pytest.raises(StackError, match="PINTEREST_KAFKA_CONTROLLER_PORT and PINTEREST_POSTGRES_PORT are both"):
        check_ports([replace(SERVER, ports={"kafka_controller_port": port, "postgres_port": port})])


def test_too_little_memory_names_the_servers_and_the_setting() -> None:
    with pytest.raises(StackError, match=r"kafka need 99999999 MiB .* PINTEREST_STACK_MINIMUM_MEMORY_MIB"):
        check_memory([replace(SERVER, memory_mib=99_999_999)], SETTINGS, Terminal(io.StringIO()))


def test_the_memory_check_can_be_turned_off() -> None:
    settings = SETTINGS.model_copy(update={"stack_minimum_memory_mib": 0})

    check_memory([replace(SERVER, memory_mib=99_999_999)], settings, Terminal(io.StringIO()))


def test_too_little_disk_names_the_folder_even_before_it_exists() -> None:
    settings = SETTINGS.model_copy(update={"stack_minimum_disk_mib": 1 << 40})

    with pytest.raises(StackError, match="/nonexistent/state has"):
        check_disk(settings)


def test_a_server_that_only_watches_is_left_out_where_its_port_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.local_stack.preflight.PATIENCE_SECONDS", 0)
    said = io.StringIO()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        watcher = replace(SERVER, name="prometheus", is_needed=False, ports={"prometheus_port": taken.getsockname()[1]})

        assert without_busy_watchers([SERVER, watcher], Terminal(said)) == [SERVER]

    assert "(prometheus, PINTEREST_PROMETHEUS_PORT) is in use by process" in said.getvalue()


def test_a_server_starts_without_a_port_that_it_can_spare(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.local_stack.preflight.PATIENCE_SECONDS", 0)
    said = io.StringIO()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        kafka = replace(SERVER, spare_ports={"kafka_exporter_port": taken.getsockname()[1]})

        assert without_busy_watchers([kafka], Terminal(said)) == [kafka]

    assert "PINTEREST_KAFKA_EXPORTER_PORT" in said.getvalue()
