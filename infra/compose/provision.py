"""What the servers hold before the first event: roles, databases, tables, the topic, the bucket, Dagster's pools."""

from __future__ import annotations

from infra.compose.configuration import write_presto
from infra.local_stack.place import Place
from infra.local_stack.servers import describe_all

# In this order; each does nothing where its work is done.
PROVISIONED = ("postgres", "kafka", "s3", "cassandra", "dagster-code")


def provision(place: Place) -> None:
    """What the local stack does once a server is healthy, here for all of them.

    Raises:
        Exception: whatever a client raises whose server is away; the container is started again.
    """
    servers = {server.name: server for server in describe_all(place)}
    for name in PROVISIONED:
        servers[name].complete()
        print(f"{name} has what the platform needs")
    write_presto(place)
