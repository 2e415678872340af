from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from pydantic import SecretStr

from infra.errors import StackError
from infra.local_stack.environment import changed_variables, write_environment
from infra.local_stack.java import KAFKA, write_options
from infra.local_stack.place import Place, loopback_port, make_place
from infra.local_stack.postgres_home import anyone_reaches
from infra.local_stack.servers.cassandra import mount_point_is_listed
from infra.local_stack.settings import LocalStackSettings


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return make_place(LocalStackSettings(state_folder=tmp_path / "a state", artifact_cache=tmp_path / "cache"))


def test_secrets_are_made_once_and_only_their_owner_reads_them(place: Place) -> None:
    assert make_place(LocalStackSettings(state_folder=place.state)).credentials == place.credentials
    assert (place.state / "secrets.json").stat().st_mode & 0o777 == 0o600


def test_secrets_are_not_shown(place: Place) -> None:
    assert place.credentials.postgres_password not in repr(place)
    assert place.credentials.s3_secret_key not in repr(place)


def test_a_secret_that_was_set_by_hand_is_used(tmp_path: Path) -> None:
    place = make_place(LocalStackSettings(state_folder=tmp_path, postgres_password=SecretStr("mine")))

    assert place.credentials.postgres_password == "mine"
    assert place.settings.postgres_password == SecretStr("mine")


def test_a_damaged_secrets_file_says_what_to_do(place: Place) -> None:
    (place.state / "secrets.json").write_text("{")

    with pytest.raises(StackError, match="make clean-data"):
        make_place(LocalStackSettings(state_folder=place.state))


def test_templates_are_rendered_with_their_values(place: Place) -> None:
    values = {"port": 19092, "controller_port": 19093, "data": "/data"}

    place.render("kafka/server.properties", place.state / "server.properties", values)

    rendered = (place.state / "server.properties").read_text()
    assert "listeners=PLAINTEXT://127.0.0.1:19092,CONTROLLER://127.0.0.1:19093\n" in rendered
    assert "$" not in rendered


def test_a_template_without_one_of_its_values_is_an_error(place: Place) -> None:
    with pytest.raises(KeyError, match="controller_port"):
        place.render("kafka/server.properties", place.state / "server.properties", {"port": 1, "data": "/data"})


@pytest.mark.parametrize("address", ["127.0.0.1:9092", "http://127.0.0.1:9092", "localhost:9092"])
def test_a_loopback_address_gives_its_port(address: str) -> None:
    assert loopback_port("kafka_bootstrap_servers", address) == 9092


@pytest.mark.parametrize("address", ["kafka.example.com:9092", "127.0.0.1", "10.0.0.1:9092"])
def test_an_address_that_the_stack_cannot_serve_is_refused(address: str) -> None:
    with pytest.raises(StackError, match="PINTEREST_KAFKA_BOOTSTRAP_SERVERS"):
        loopback_port("kafka_bootstrap_servers", address)


def test_a_shell_reads_the_environment_file(place: Place) -> None:
    file = write_environment(place)

    script = f"set -a; . '{file}'; printf '%s' \"$PINTEREST_POSTGRES_PASSWORD:$PINTEREST_STATE_FOLDER\""
    read = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True, env=dict(os.environ))

    assert read.stdout == f"{place.credentials.postgres_password}:{place.state}"
    assert file.stat().st_mode & 0o777 == 0o600


def test_settings_that_differ_from_the_running_ones_are_named_without_their_values(place: Place) -> None:
    write_environment(place)
    other = replace(place, settings=place.settings.model_copy(update={"postgres_port": 15432}))

    assert changed_variables(place) == []
    assert changed_variables(other) == ["PINTEREST_POSTGRES_PORT"]


def test_java_options_survive_a_folder_with_a_blank(place: Place) -> None:
    write_options(place, "kafka", KAFKA)

    lines = (place.state / "kafka" / "java.options").read_text().splitlines()
    assert f'"-Djava.io.tmpdir={place.state}/kafka/tmp"' in lines


def test_a_folder_below_a_private_one_is_not_reached_by_anyone(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)

    assert anyone_reaches(Path("/tmp/state"))  # noqa: S108
    assert not anyone_reaches(private / "state")


def test_a_mount_point_that_is_not_listed_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mount_point = str(next(parent for parent in tmp_path.parents if parent.is_mount()))
    listed = [SimpleNamespace(mountpoint=mount_point)]
    monkeypatch.setattr("psutil.disk_partitions", lambda **_: listed)
    assert mount_point_is_listed(tmp_path)

    monkeypatch.setattr("psutil.disk_partitions", lambda **_: [])  # as in a chroot

    assert not mount_point_is_listed(tmp_path)
