"""The images: what is in them, who runs in them, and where they come from."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pinterest_platform_tests.support.containers import Containers, run

pytestmark = pytest.mark.timeout(7_200)
GIGABYTE = 10**9
OURS = ("servers", "platform", "proxy")
SERVICE_OF = {"servers": "kafka", "platform": "provision", "proxy": "proxy"}
CACHES = "/root/.cache /home/pinterest/.cache /var/cache/apt/archives /var/lib/apt/lists"


def image(built: Containers, name: str) -> str:
    configured = json.loads(built.compose("config", "--format", "json"))
    return str(configured["services"][SERVICE_OF[name]]["image"])


def inspect(image: str) -> dict[str, Any]:
    [found] = json.loads(run("docker", "image", "inspect", image))
    return dict(found)


@pytest.mark.parametrize("name", OURS)
def test_an_image_is_small_and_says_what_it_was_built_from(built: Containers, name: str) -> None:
    found = inspect(image(built, name))
    labels = found["Config"]["Labels"]

    assert found["Size"] < GIGABYTE
    assert labels["org.opencontainers.image.version"]
    assert labels["org.opencontainers.image.revision"]


@pytest.mark.parametrize("name", OURS)
def test_an_image_has_a_user_who_is_not_root_and_no_download_cache(built: Containers, name: str) -> None:
    command = f"id --user; du --summarize --total --bytes {CACHES} 2>/dev/null | tail -1"
    user, cached = run("docker", "run", "--rm", "--entrypoint", "sh", image(built, name), "-c", command).splitlines()

    assert user == "1000"
    assert int(cached.split()[0]) < 1_000_000
