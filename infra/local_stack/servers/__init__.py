"""The servers of the local stack, one module each: how to configure, start and check it."""

from __future__ import annotations

from infra.local_stack.monitoring import find_monitoring
from infra.local_stack.place import Place
from infra.local_stack.server import Server
from infra.local_stack.servers import dagster
from infra.local_stack.servers.alertmanager import alertmanager
from infra.local_stack.servers.cassandra import cassandra
from infra.local_stack.servers.ingest_api import ingest_api
from infra.local_stack.servers.kafka import kafka
from infra.local_stack.servers.platform_exporter import platform_exporter
from infra.local_stack.servers.postgres import postgres
from infra.local_stack.servers.postgres_exporter import postgres_exporter
from infra.local_stack.servers.presto import presto
from infra.local_stack.servers.prometheus import prometheus
from infra.local_stack.servers.s3 import s3


def describe_all(place: Place) -> list[Server]:
    """Every server of the stack, dependencies first."""
    servers = [
        kafka(place),
        cassandra(place),
        s3(place),
        postgres(place),
        presto(place),
        ingest_api(place),
        dagster.code_server(place),
        dagster.webserver(place),
        dagster.daemon(place),
    ]
    programs = find_monitoring(place.settings)
    if programs is None:
        return servers
    servers += [prometheus(place, programs), postgres_exporter(place, programs), platform_exporter(place)]
    if programs.alertmanager:
        servers.append(alertmanager(place, programs.alertmanager, others=tuple(server.name for server in servers)))
    return servers
