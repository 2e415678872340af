"""`python -m infra.compose.fetch IMAGE` fills an image while it is built, from `infra/artifacts.lock` and Debian.

The Dockerfiles copy what this module imports before everything else, so that other changes repeat no download.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

from infra.errors import StackError
from infra.local_stack.artifacts import read_lock
from infra.local_stack.monitoring import fetch_monitoring, find_monitoring
from infra.local_stack.postgres_home import postgres_home, unpack_programs
from infra.local_stack.settings import LocalStackSettings
from infra.local_stack.setup import fetch_artifacts
from infra.local_stack.terminal import Terminal

# By image: the keys of the lock.
WANTED: Mapping[str, tuple[str, ...]] = {
    "servers": (
        *("kafka", "cassandra", "s3", "postgres", "presto", "presto/cassandra", "presto/postgresql"),
        *("jmx_exporter", "grafana"),
    ),
    "platform": ("spark", "ingest_api"),
}


def fetch(image: str) -> None:
    """Downloads the image's artifacts into the cache of the settings, and unpacks what is not run as it comes.

    Raises:
        StackError: something could not be downloaded.
    """
    settings, lock = LocalStackSettings(), read_lock()
    fetch_artifacts({name: lock[name] for name in WANTED[image]}, settings.artifact_cache, Terminal())
    if image == "servers":
        _unpack_postgres(settings)
        _fetch_prometheus(settings)


def _unpack_postgres(settings: LocalStackSettings) -> None:
    (artifact,) = read_lock()["postgres"]
    jar = settings.artifact_cache / artifact.path
    version = artifact.coordinate.rpartition(":")[2]
    unpack_programs(jar, postgres_home(settings.state_folder, settings.artifact_cache, version).programs)
    jar.unlink()


def _fetch_prometheus(settings: LocalStackSettings) -> None:
    fetch_monitoring(settings, Terminal())
    if find_monitoring(settings) is None:
        raise StackError("The image needs Prometheus. See the message of apt above.")


if __name__ == "__main__":
    fetch(sys.argv[1])
