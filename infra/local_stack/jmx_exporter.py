"""The agent that shows what a JVM says of itself to Prometheus, loaded by Kafka and Cassandra.

Belongs here: whether a server gets it. Does not belong here: which figures it shows
(`infra/<server>/jmx_exporter.yml`).
"""

from __future__ import annotations

from infra.local_stack.artifacts import INFRA
from infra.local_stack.monitoring import find_monitoring
from infra.local_stack.place import LOOPBACK, Place
from infra.local_stack.preflight import is_busy
from infra.local_stack.settings import LocalStackSettings

NAME = "jmx_exporter"


def is_watched(settings: LocalStackSettings) -> bool:
    """Whether there is a Prometheus to look at it."""
    return find_monitoring(settings) is not None


def jmx_agent(place: Place, server: str, port: int) -> tuple[str, ...]:
    """The option that loads it, nothing where nobody looks or the port is taken: then the agent would end its JVM."""
    if not is_watched(place.settings) or is_busy(port):
        return ()
    (artifact,) = place.lock[NAME]
    jar = place.settings.artifact_cache / artifact.path
    return (f"-javaagent:{jar}={LOOPBACK}:{port}:{INFRA / server / 'jmx_exporter.yml'}",)
