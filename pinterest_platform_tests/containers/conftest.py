"""The platform in containers: built from this checkout, started once for all tests, and removed afterwards."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from pinterest_platform_tests.support.acknowledged import Acknowledged
from pinterest_platform_tests.support.containers import Containers, make_containers

FOLDER = Path(".state/containers")
NO_DAEMON = "These tests need a Docker daemon, and `docker info` reaches none. Start Docker, then: make test-containers"


@pytest.fixture(scope="session")
def built() -> Iterator[Containers]:
    """The images, and no container yet."""
    if not shutil.which("docker") or subprocess.run(["docker", "info"], capture_output=True, check=False).returncode:
        pytest.exit(NO_DAEMON, returncode=1)
    containers = make_containers(FOLDER)
    containers.write_files()
    containers.compose("down", "--volumes")
    containers.compose("build")
    yield containers
    containers.compose("down", "--volumes")


@pytest.fixture(scope="session")
def listening_before(built: Containers) -> set[tuple[str, int]]:
    return listening()


@pytest.fixture(scope="session")
def platform(built: Containers, listening_before: set[tuple[str, int]]) -> Containers:
    """Everything is running and healthy, and empty at first."""
    built.start()
    return built


@pytest.fixture(scope="session")
def acknowledged(platform: Containers) -> Acknowledged:
    """Every pin that the API has acknowledged so far."""
    return Acknowledged(platform)


def listening() -> set[tuple[str, int]]:
    """Addresses and ports that some process listens on."""
    connections = psutil.net_connections("tcp")
    return {(one.laddr[0], one.laddr[1]) for one in connections if one.laddr and one.status == psutil.CONN_LISTEN}
