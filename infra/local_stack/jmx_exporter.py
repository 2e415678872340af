"""Prometheus' JMX exporter, a Java agent for Kafka and Cassandra.

`infra/<server>/jmx_exporter.yml` says which metrics it exports.
"""

from __future__ import annotations

from infra.local_stack.artifacts import INFRA
from infra.local_stack.monitoring import find_monitoring
from infra.local_stack.place import LOOPBACK, Place
from infra.local_stack.preflight import is_busy
from infra.local_stack.settings import LocalStackSettings

NAME = "jmx_exporter"


def is_watched(settings: LocalStackSettings) -> bool:
    """Whether this stack has a Prometheus that scrapes the agents."""
    return find_monitoring(settings) is not None


def jmx_agent(place: Place, server: str, port: int) -> tuple[str, ...]:
    """The option that loads the agent; empty without Prometheus, or if the port is busy: the JVM would then exit."""
    if not is_watched(place.settings) or is_busy(port):
        return ()
    (artifact,) = place.lock[NAME]
    jar = place.settings.artifact_cache / artifact.path
    return (f"-javaagent:{jar}={LOOPBACK}:{port}:{INFRA / server / 'jmx_exporter.yml'}",)
