"""Creates what the servers need before the first event: roles, databases, tables, topic, bucket, Dagster's pools."""

from __future__ import annotations

from infra.compose.configuration import write_presto
from infra.local_stack.place import Place
from infra.local_stack.servers import describe_all

# In this order. Each step does nothing if its work is done.
PROVISIONED = ("postgres", "kafka", "s3", "cassandra", "dagster-code")


def provision(place: Place) -> None:
    """Does for all servers what the local stack does once a server is healthy.

    Raises:
        Exception: whatever a client raises if its server is unavailable; the container is then restarted.
    """
    servers = {server.name: server for server in describe_all(place)}
    for name in PROVISIONED:
        servers[name].complete()
        print(f"{name} is set up")
    write_presto(place)
