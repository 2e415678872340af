"""Creates what the servers need before the first event: roles, databases, tables, topic and bucket."""

from __future__ import annotations

from infra.compose.containers import DESCRIPTIONS
from infra.local_stack.place import Place

# In this order. Each step does nothing if its work is done.
PROVISIONED = ("postgres", "kafka", "s3", "cassandra")


def provision(place: Place) -> None:
    """Does for these servers what the local stack does once they are healthy.

    Raises:
        Exception: whatever a client raises if its server is unavailable; the container is then restarted.
    """
    for name in PROVISIONED:
        DESCRIPTIONS[name](place).complete()
        print(f"{name} is set up")
