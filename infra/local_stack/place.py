"""The settings, folders, secrets and artifacts of one local stack, which every server's description is built from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template
from urllib.parse import urlsplit

from pydantic import SecretStr

from infra.errors import StackError
from infra.local_stack.artifacts import INFRA, Lock, class_path, read_lock
from infra.local_stack.class_archive import class_archive
from infra.local_stack.credentials import Credentials, load_or_create, write_private
from infra.local_stack.java_home import find_java
from infra.local_stack.settings import LocalStackSettings

LOOPBACK = "127.0.0.1"
SECRETS = "secrets.json"
RUN = "run"


@dataclass(frozen=True)
class Place:
    """`settings` are complete (secrets, class path, absolute folders)."""

    settings: LocalStackSettings
    credentials: Credentials
    lock: Lock

    @property
    def state(self) -> Path:
        """The folder of data, logs and pid files."""
        return self.settings.state_folder

    @property
    def secrets_file(self) -> Path:
        """Written once, when the state begins."""
        return self.state / SECRETS

    @property
    def run_folder(self) -> Path:
        """Where pid files lie."""
        return self.state / RUN

    def log_file(self, server: str) -> Path:
        """Where a server's standard output and errors go."""
        return self.state / "logs" / f"{server}.log"

    def class_path(self, server: str) -> str:
        """The locked jars of a server."""
        return class_path(self.lock[server], self.settings.artifact_cache)

    def render(self, template: str, target: Path, values: Mapping[str, object]) -> None:
        """Writes `infra/<template>` with its `${names}` filled in; private, since some hold secrets."""
        write_private(target, Template((INFRA / template).read_text()).substitute(values))


def loopback_port(setting: str, address: str) -> int:
    """The port of `127.0.0.1:9092` or `http://127.0.0.1:9000`; raises StackError for what this stack cannot serve."""
    parts = urlsplit(address if "//" in address else f"//{address}")
    if parts.hostname not in {LOOPBACK, "localhost"} or parts.port is None:
        raise StackError(
            f"PINTEREST_{setting.upper()} is {address!r}, but the local stack serves one address on {LOOPBACK} with a "
            "port. Unset it to run everything locally, or start only the servers that you do not have elsewhere."
        )
    return parts.port


def make_place(settings: LocalStackSettings) -> Place:
    """Completes settings for a stack of its own: absolute folders, its secrets, Spark's class path.

    A secret that was set by hand is used instead of the random one.
    """
    lock = read_lock()
    settings = with_artifacts(settings, lock)
    state = settings.state_folder.resolve()
    credentials = load_or_create(state / SECRETS).overridden_by(settings)
    complete = {
        "state_folder": state,
        "s3_access_key": credentials.s3_access_key,
        "s3_secret_key": SecretStr(credentials.s3_secret_key),
        "postgres_password": SecretStr(credentials.postgres_password),
    }
    return Place(settings=settings.model_copy(update=complete), credentials=credentials, lock=lock)


def with_artifacts(settings: LocalStackSettings, lock: Lock) -> LocalStackSettings:
    """LocalStackSettings that say where the artifacts and Java lie, and what Spark has of them."""
    cache = settings.artifact_cache.expanduser().resolve()
    jars = settings.spark_class_path or class_path(lock["spark"], cache)
    own = settings.model_copy(update={"artifact_cache": cache, "spark_class_path": jars})
    own = own.model_copy(update={"java_home": find_java(own)})
    return own.model_copy(update={"spark_class_archive": settings.spark_class_archive or class_archive(own)})
