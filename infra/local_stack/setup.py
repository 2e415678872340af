"""Puts everything that the servers run on into the cache; needs no network when it is there already.

Belongs here: the order of the work. Does not belong here: HTTP (`download`) and what each server does with its files.
"""

from __future__ import annotations

import platform
from pathlib import Path

from infra.errors import StackError
from infra.local_stack.artifacts import Artifact, Lock, missing
from infra.local_stack.download import Downloader
from infra.local_stack.terminal import Terminal


def fetch_artifacts(lock: Lock, cache: Path, terminal: Terminal) -> None:
    """Downloads what the lock names and the cache lacks."""
    if platform.machine() not in {"x86_64", "AMD64"}:
        raise StackError(
            f"The local stack pins PostgreSQL's programs for x86_64, this machine is {platform.machine()}. "
            "Use an x86_64 machine, or point PINTEREST_POSTGRES_HOST and the other settings at servers of your own."
        )
    wanted = missing(_each_once(lock), cache)
    if not wanted:
        return
    total = sum(artifact.size for artifact in wanted)
    with terminal.downloading(f"downloading {len(wanted)} artifacts to {cache}", total) as advance:
        Downloader(cache=cache, advance=advance).fetch_all(wanted)


def _each_once(lock: Lock) -> list[Artifact]:
    """Servers share jars."""
    return list({artifact.path: artifact for artifacts in lock.values() for artifact in artifacts}.values())
