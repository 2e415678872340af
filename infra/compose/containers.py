"""Which server each container runs, as the local stack describes it, and which secrets it needs for that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from infra.errors import StackError
from infra.local_stack.artifacts import read_lock
from infra.local_stack.credentials import Credentials
from infra.local_stack.monitoring import Monitoring, find_monitoring
from infra.local_stack.place import Place, with_artifacts
from infra.local_stack.server import Server
from infra.local_stack.servers import dagster
from infra.local_stack.servers.cassandra import cassandra
from infra.local_stack.servers.ingest_api import ingest_api
from infra.local_stack.servers.kafka import kafka
from infra.local_stack.servers.platform_exporter import platform_exporter
from infra.local_stack.servers.postgres import postgres
from infra.local_stack.servers.postgres_exporter import postgres_exporter
from infra.local_stack.servers.presto import presto
from infra.local_stack.servers.prometheus import prometheus
from infra.local_stack.servers.s3 import s3
from infra.local_stack.settings import LocalStackSettings

READER = "dagster-reader"
PROVISION = "provision"
_S3 = ("s3_access_key", "s3_secret_key")
_PLATFORM = (*_S3, "postgres_password")
# By service of infra/compose.yaml. What is not listed needs none.
SECRETS: Mapping[str, tuple[str, ...]] = {
    "s3": _S3,
    "postgres": ("postgres_superuser_password",),
    "presto": ("postgres_superuser_password",),
    "postgres-exporter": ("postgres_monitor_password",),
    **dict.fromkeys(("dagster-code", "dagster-web", READER, "dagster-daemon", "platform-exporter"), _PLATFORM),
    PROVISION: (*_PLATFORM, "postgres_superuser_password", "postgres_monitor_password"),
}


def reader(place: Place) -> Server:
    """Dagster's pages for those who may look and change nothing."""
    settings = place.settings.model_copy(update={"dagster_port": place.settings.dagster_reader_port})
    pages = dagster.webserver(replace(place, settings=settings))
    return replace(pages, name=READER, command=(*pages.command, "--read-only"))


def _programs(place: Place) -> Monitoring:
    programs = find_monitoring(place.settings)
    if programs is None:
        raise StackError("This image has no Prometheus. Build it again: infra/images/servers.Dockerfile fetches it.")
    return programs


DESCRIPTIONS: Mapping[str, Callable[[Place], Server]] = {
    "kafka": kafka,
    "cassandra": cassandra,
    "s3": s3,
    "postgres": postgres,
    "presto": presto,
    "prometheus": lambda place: prometheus(place, _programs(place)),
    "postgres-exporter": lambda place: postgres_exporter(place, _programs(place)),
    "ingest-api": ingest_api,
    "dagster-code": dagster.code_server,
    "dagster-web": dagster.webserver,
    READER: reader,
    "dagster-daemon": dagster.daemon,
    "platform-exporter": platform_exporter,
}
# Those in the image of the project's own code, which has Spark.
OWN = ("ingest-api", "dagster-code", "dagster-web", READER, "dagster-daemon", "platform-exporter", PROVISION)


def place_of(service: str, settings: LocalStackSettings) -> Place:
    """Settings, secrets and artifacts of one service.

    Raises:
        StackError: a secret that the service needs is missing; none is generated here.
    """
    missing = [name for name in SECRETS.get(service, ()) if getattr(settings, name) is None]
    if missing:
        names = ", ".join(f"PINTEREST_{name.upper()}" for name in missing)
        raise StackError(f"{service} needs {names}. make compose-up generates them into infra/compose.secrets.env.")
    lock = read_lock()
    complete = with_artifacts(settings, lock) if service in OWN else settings
    return Place(complete, Credentials().overridden_by(settings), lock)
