"""Fills the artifact cache; needs no network if the cache is complete."""

from __future__ import annotations

import platform
from pathlib import Path

from infra.errors import StackError
from infra.local_stack.artifacts import Artifact, Lock, missing
from infra.local_stack.download import Downloader
from infra.local_stack.terminal import Terminal


def fetch_artifacts(lock: Lock, cache: Path, terminal: Terminal) -> None:
    """Downloads the locked artifacts that the cache lacks.

    Raises:
        StackError: this machine is not x86_64, or a download failed.
    """
    if platform.machine() not in {"x86_64", "AMD64"}:
        raise StackError(
            f"The local stack has PostgreSQL only for x86_64, but this machine is {platform.machine()}. "
            "Use an x86_64 machine, or point PINTEREST_POSTGRES_HOST and the other settings at your own servers."
        )
    wanted = missing(_each_once(lock), cache)
    if not wanted:
        return
    total = sum(artifact.size for artifact in wanted)
    with terminal.downloading(f"downloading {len(wanted)} artifacts to {cache}", total) as advance:
        Downloader(cache=cache, advance=advance).fetch_all(wanted)


def _each_once(lock: Lock) -> list[Artifact]:
    """Every artifact once: several servers use the same jars."""
    return list({artifact.path: artifact for artifacts in lock.values() for artifact in artifacts}.values())
