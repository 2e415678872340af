"""The compose file, the images and what starts a container's server agree with the local stack and with each other."""

from __future__ import annotations

import json
import re
import signal
import socket
import stat
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretStr

from infra.compose import probe
from infra.compose.containers import DESCRIPTIONS, OWN, PROVISION, READER, SECRETS, place_of, reader
from infra.compose.env_files import new_secrets, write_missing
from infra.compose.fetch import WANTED
from infra.compose.serve import _PAGES
from infra.errors import StackError
from infra.local_stack.artifacts import INFRA, read_lock
from infra.local_stack.settings import LocalStackSettings
from ingest_api.write_keys import WriteKeys

TEXT = (INFRA / "compose.yaml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OTHERS = {"proxy", "grafana"}
DEFAULT = re.compile(r"\$\{PINTEREST_(\w+):-([^}]*)\}")
REQUIRED = re.compile(r"\$\{(PINTEREST_\w+):\?")
# Of Compose alone: no server reads them.
NO_SETTINGS = {"VERSION", "COMMIT", "COMPOSE_SETTINGS", "PROXY_NAME", "PROXY_CLIENT_RATE", "PROXY_CERTIFICATES"}
GIVEN: dict[str, Any] = {
    "s3_access_key": "key",
    **{name: SecretStr(name) for names in SECRETS.values() for name in names if name != "s3_access_key"},
}


def test_every_service_runs_a_server_of_the_local_stack() -> None:
    served = {name: service["command"] for name, service in SERVICES.items() if "command" in service}

    assert served.pop(PROVISION) == ["provision"]
    assert served == {name: ["serve", name] for name in DESCRIPTIONS}
    assert SERVICES.keys() == {*DESCRIPTIONS, PROVISION, *OTHERS}


def test_a_service_runs_in_the_image_that_has_what_it_needs() -> None:
    images = {name: SERVICES[name]["image"].partition(":")[0] for name in (*DESCRIPTIONS, PROVISION)}

    assert {name for name, image in images.items() if image == "pinterest-platform"} == set(OWN)
    assert set(images.values()) == {"pinterest-platform", "pinterest-platform-servers"}


def test_the_images_have_every_locked_artifact() -> None:
    assert {name for names in WANTED.values() for name in names} == read_lock().keys()


def test_defaults_are_those_of_the_settings() -> None:
    written = {name: value for name, value in DEFAULT.findall(TEXT) if name not in NO_SETTINGS}
    fields = LocalStackSettings.model_fields

    assert written == {name: str(fields[name.lower()].default) for name in written}


def test_secrets_have_no_default_and_all_are_generated() -> None:
    assert set(REQUIRED.findall(TEXT)) <= new_secrets().keys()
    assert not {name for name, _ in DEFAULT.findall(TEXT) if "PASSWORD" in name or "KEY" in name}


@pytest.mark.parametrize("service", [*DESCRIPTIONS, PROVISION])
def test_a_service_is_given_the_secrets_that_it_needs_and_no_others(service: str) -> None:
    given = {name for name in SERVICES[service].get("environment", {}) if re.search("PASSWORD|S3_", name)}

    assert given == {f"PINTEREST_{name.upper()}" for name in SECRETS.get(service, ())}


def test_a_secret_that_is_missing_is_named() -> None:
    with pytest.raises(StackError, match="s3 needs PINTEREST_S3_ACCESS_KEY, PINTEREST_S3_SECRET_KEY"):
        place_of("s3", LocalStackSettings())


def test_every_server_has_a_health_check_and_keeps_its_data() -> None:
    stateful = {"kafka", "cassandra", "s3", "postgres", "dagster-code", "prometheus"}
    volumes = {name: SERVICES[name].get("volumes", []) for name in DESCRIPTIONS}

    assert {name for name, service in SERVICES.items() if "healthcheck" not in service} == {PROVISION}
    assert {name for name in stateful if not volumes[name] or not volumes[name][0].endswith(":/state")} == set()


def test_every_container_is_confined() -> None:
    for name, service in SERVICES.items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not service.get("privileged"), name


def test_no_template_and_no_command_listens_on_another_address_than_loopback() -> None:
    proxy = (INFRA / "proxy" / "nginx.conf").read_text()

    assert "0.0.0.0" not in TEXT  # noqa: S104
    assert set(re.findall(r"^ *listen (.*);", proxy, re.MULTILINE)) == {
        f"${{PINTEREST_PROXY_{name}_PORT}} ssl" for name in ("INGEST", "DAGSTER", "PRESTO", "PROMETHEUS")
    }


def test_the_proxy_is_given_every_name_that_its_configuration_has() -> None:
    proxy = "".join((INFRA / "proxy" / name).read_text() for name in ("nginx.conf", "start.sh"))

    assert set(re.findall(r"PINTEREST_\w+[A-Z]\b", proxy)) == SERVICES["proxy"]["environment"].keys()


@pytest.mark.parametrize("service", DESCRIPTIONS)
def test_what_a_service_serves_can_be_described(
    service: str, settings: LocalStackSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.compose.containers.find_monitoring", lambda _: _Programs())
    place = place_of(service, settings.model_copy(update={**GIVEN, "state_folder": tmp_path}))
    server = DESCRIPTIONS[service](place)

    assert server.name == service
    assert bool(server.ports) == (service != "dagster-daemon")


class _Programs:
    prometheus = promtool = postgres_exporter = Path("/usr/bin/true")
    pages = alertmanager = None


def test_the_readers_pages_refuse_changes_and_have_a_port_of_their_own(settings: LocalStackSettings) -> None:
    server = reader(place_of(READER, settings.model_copy(update=GIVEN)))

    assert server.command[-1] == "--read-only"
    assert server.ports == {"dagster_port": settings.dagster_reader_port}
    assert server.command[server.command.index("--port") + 1] == str(settings.dagster_reader_port)


def test_only_served_pages_are_probed() -> None:
    assert DESCRIPTIONS.keys() > _PAGES.keys()


def test_both_files_are_made_once_and_only_their_owner_reads_them(tmp_path: Path) -> None:
    files = write_missing(tmp_path)
    texts = [file.read_text() for file in files]

    assert [file.name for file in files] == ["compose.env", "compose.secrets.env"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert write_missing(tmp_path) == []
    assert [file.read_text() for file in files] == texts


def test_the_generated_key_is_valid_for_the_api_and_no_secret_is_made_twice() -> None:
    made, other = new_secrets(), new_secrets()
    hashes = json.loads(made["PINTEREST_INGEST_WRITE_KEYS"].strip("'"))

    assert WriteKeys(hashes).owner(made["PINTEREST_INGEST_API_KEY"].encode()) == "operator"
    assert len({*made.values(), *other.values()}) == 2 * len(made)


def test_secrets_are_made_with_the_standard_library_alone(tmp_path: Path) -> None:
    code = f"import pathlib, infra.compose.env_files as made; made.write_missing(pathlib.Path({str(tmp_path)!r}))"
    subprocess.run([sys.executable, "-S", "-c", code], cwd=INFRA.parent, check=True)

    assert (tmp_path / "compose.secrets.env").exists()


CHILD = """
import signal, sys
from pathlib import Path
told = Path(sys.argv[1])
signal.signal(signal.SIGTERM, lambda *_: sys.exit(7 if told.exists() else 1))
print("started", flush=True)
while True:
    signal.pause()
"""
PARENT = """
import sys
from pathlib import Path
from infra.compose.serve import _supervise
from infra.local_stack.server import Server
child, told = sys.argv[1:]
command = (sys.executable, "-c", child, told)
end_runs = lambda _: Path(told).touch()
sys.exit(_supervise(Server("code", "-", {}, command, Path("/"), lambda: None, before_stop=end_runs)))
"""


def test_runs_end_before_their_code_server_and_its_exit_code_is_kept(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PARENT, CHILD, str(tmp_path / "told")]
    with subprocess.Popen(command, cwd=INFRA.parent, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        parent.send_signal(signal.SIGTERM)

    assert parent.returncode == 7


@contextmanager
def answering(answer: bytes) -> Iterator[int]:
    """The port of a server that sends this to one client."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1_000)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield int(listener.getsockname()[1])
        thread.join()


@pytest.mark.parametrize(
    ("kind", "answer", "healthy"),
    [
        ("http", b"HTTP/1.1 200 OK\r\n\r\n", True),
        ("http", b"HTTP/1.1 403 Forbidden\r\n\r\n<Error/>", True),
        ("http", b"HTTP/1.1 503 Service Unavailable\r\n\r\n", False),
        ("http", b'HTTP/1.1 200 OK\r\n\r\n{"starting":true}', False),
        ("postgres", b"R" + struct.pack("!ii", 8, 10), True),
        ("postgres", b"E" + struct.pack("!i", 4), False),
        ("postgres", b"", False),
        ("tcp", b"", True),
    ],
)
def test_a_server_is_healthy_when_it_takes_requests(kind: str, answer: bytes, healthy: bool) -> None:
    with answering(answer) as port:
        assert probe.is_answering(kind, port, "/") is healthy


def test_the_probe_needs_the_standard_library_alone(tmp_path: Path) -> None:
    program = [sys.executable, "-I", "-S", probe.__file__]
    with answering(b"HTTP/1.1 200 OK\r\n\r\n") as port:
        (tmp_path / "probe.json").write_text(json.dumps({"kind": "http", "port": port, "page": "/"}))
        healthy = subprocess.run(program, env={"HOME": str(tmp_path)}, check=False)
    gone = subprocess.run(program, env={"HOME": str(tmp_path)}, capture_output=True, text=True, check=False)

    assert (healthy.returncode, gone.returncode) == (0, 1)
    assert "ConnectionRefusedError" in gone.stderr
