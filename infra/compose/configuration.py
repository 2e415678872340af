"""Writes the containers' configuration files below `/state`, each readable only by its server's user.

Every container shares the host's network, so addresses and ports are those of the local stack: 127.0.0.1, and what
`infra.local_stack.settings` says.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.errors import StackError
from infra.local_stack.artifacts import INFRA, byteman, read_lock
from infra.local_stack.credentials import Credentials
from infra.local_stack.place import Place, loopback_port, with_artifacts
from infra.local_stack.servers.cassandra import write_configuration as write_cassandra
from infra.local_stack.servers.ingest_api import docs_folder, lay_out_docs
from infra.local_stack.servers.kafka import write_configuration as write_kafka
from infra.local_stack.servers.postgres import write_configuration as write_postgres
from infra.local_stack.servers.presto import own_options
from infra.local_stack.servers.presto import write_configuration as write_presto_configuration
from infra.local_stack.servers.prometheus import write_configuration as write_prometheus
from infra.local_stack.servers.s3 import write_configuration as write_s3
from infra.local_stack.settings import LocalStackSettings
from infra.local_stack.setup import fetch_artifacts
from infra.local_stack.terminal import Terminal

# The artifacts that the project's image needs. The servers are in official images.
_JARS = ("spark", "jmx_exporter", "grafana", "ingest_api")
# The connectors' folder in the official image.
_PRESTO_PLUGINS = Path("/opt/presto-server/plugin")
_SECRETS = (
    "postgres_superuser_password",
    "postgres_password",
    "postgres_monitor_password",
    "s3_access_key",
    "s3_secret_key",
)


@dataclass(frozen=True)
class Owner:
    """The user that an official image runs its server as, and the folder that it writes to."""

    user: int
    data: str


# The same user ids as `user:` in infra/compose.yaml.
OWNERS: Mapping[str, Owner] = {
    "kafka": Owner(1000, "data"),
    "cassandra": Owner(999, "data"),
    "postgres": Owner(999, "data"),
    "s3": Owner(1000, "data"),
    "prometheus": Owner(65534, "data"),
    "dagster": Owner(1000, "."),
    "presto": Owner(1000, "."),
}


def compose_place(settings: LocalStackSettings) -> Place:
    """The `Place` for the containers. Secrets have to be in the settings; none is generated.

    Raises:
        StackError: a secret is missing.
    """
    missing = [name for name in _SECRETS if getattr(settings, name) is None]
    if missing:
        names = ", ".join(f"PINTEREST_{name.upper()}" for name in missing)
        raise StackError(f"{names} is not set. Copy infra/compose.env.example to infra/compose.env and fill it in.")
    lock = read_lock()
    return Place(with_artifacts(settings, lock), Credentials().overridden_by(settings), lock)


def fetch_jars(settings: LocalStackSettings) -> None:
    """Downloads the image's artifacts while it is built."""
    lock = read_lock()
    wanted = {**{name: lock[name] for name in _JARS}, "presto": (byteman(lock, "presto"),)}
    fetch_artifacts(wanted, with_artifacts(settings, lock).artifact_cache, Terminal())


def write_all(place: Place) -> None:
    """Writes every server's configuration files and creates the data folders."""
    settings = place.settings
    write_kafka(place, loopback_port("kafka_bootstrap_servers", settings.kafka_bootstrap_servers))
    write_cassandra(place, settings.cassandra_port)
    write_s3(place, loopback_port("s3_endpoint_url", settings.s3_endpoint_url or ""))
    write_postgres(place, settings.postgres_port, place.state / "postgres")
    write_prometheus(place)
    lay_out_docs(place, docs_folder(place))
    _write_dagster(place)
    _copy_agents(place)
    for server, owner in OWNERS.items():
        (place.state / server / owner.data).mkdir(parents=True, exist_ok=True)
        _hand_over(place.state / server, owner.user)


def write_presto(place: Place) -> None:
    """Writes Presto's files. They contain the password of its role, so PostgreSQL has to be running."""
    write_presto_configuration(place, place.settings.presto_port, _PRESTO_PLUGINS)
    folder = place.state / "presto"
    agent = folder / "byteman.jar"
    shutil.copyfile(place.settings.artifact_cache / byteman(place.lock, "presto").path, agent)
    options = (*own_options(place, agent), "-cp", "/opt/presto-server/lib/*")
    (folder / "java.options").write_text("".join(f'"{option}"\n' for option in options))


def _write_dagster(place: Place) -> None:
    home = place.state / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(INFRA / "dagster" / "dagster.yaml", home / "dagster.yaml")


def _copy_agents(place: Place) -> None:
    """Copies the JMX exporter and its configuration for the two servers that load it."""
    (artifact,) = place.lock["jmx_exporter"]
    for server in ("kafka", "cassandra"):
        folder = place.state / server
        shutil.copyfile(place.settings.artifact_cache / artifact.path, folder / "jmx_exporter.jar")
        shutil.copyfile(INFRA / server / "jmx_exporter.yml", folder / "jmx_exporter.yml")


def _hand_over(folder: Path, user: int) -> None:
    for path in (folder, *folder.rglob("*")):
        os.chown(path, user, user)
