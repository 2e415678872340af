"""The artifacts from Maven Central, `infra/artifacts.lock` that pins their SHA-256, and their paths in the cache.

`resolve` makes the lock; `download` fetches what it names.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias

from infra.errors import StackError

INFRA = Path(__file__).resolve().parents[1]
LOCK_FILE = INFRA / "artifacts.lock"

Lock: TypeAlias = Mapping[str, tuple["Artifact", ...]]


@dataclass(frozen=True)
class Artifact:
    """One file: its Maven coordinate `group:artifact:type[:classifier]:version`, size in bytes and SHA-256.

    `licences` are the names that its POM gives; empty if it gives none.
    """

    coordinate: str
    size: int
    sha256: str
    licences: tuple[str, ...] = ()

    @property
    def path(self) -> PurePosixPath:
        """The path in Maven's repository layout, which the cache uses too."""
        group, name, extension, *classifier, version = self.coordinate.split(":")
        file = "-".join([name, version, *classifier])
        return PurePosixPath(*group.split("."), name, version, f"{file}.{extension}")


def read_lock(file: Path = LOCK_FILE) -> Lock:
    """The pinned artifacts by server.

    Raises:
        StackError: the file cannot be read as a lock.
    """
    try:
        content = json.loads(file.read_text())
        return {server: tuple(map(_artifact, entries)) for server, entries in content.items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise StackError(f"{file} is not a readable artifact lock ({error}). Restore it with git.") from error


def write_lock(lock: Lock, file: Path = LOCK_FILE) -> None:
    """Writes one artifact per line, so that a new version is a small diff."""
    servers = (
        f"  {json.dumps(server)}: [\n"
        + ",\n".join(f"    {json.dumps(asdict(artifact))}" for artifact in artifacts)
        + "\n  ]"
        for server, artifacts in sorted(lock.items())
    )
    file.write_text("{\n" + ",\n".join(servers) + "\n}\n")


def missing(artifacts: Iterable[Artifact], cache: Path) -> list[Artifact]:
    """The artifacts that are not in the cache with their full size.

    The SHA-256 is checked before a file gets its name, so a start need not hash 200 MB again.
    """
    return [artifact for artifact in artifacts if _size(cache / artifact.path) != artifact.size]


def byteman(lock: Lock, server: str) -> Artifact:
    """Byteman's agent, which patches a server where it has no setting."""
    (agent,) = (artifact for artifact in lock[server] if artifact.coordinate.startswith("org.jboss.byteman:"))
    return agent


def class_path(artifacts: Iterable[Artifact], cache: Path) -> str:
    """The jars in their locked order, as a Java class path."""
    return ":".join(str(cache / artifact.path) for artifact in artifacts)


def _artifact(entry: Mapping[str, Any]) -> Artifact:
    return Artifact(**{**entry, "licences": tuple(entry.get("licences", ()))})


def _size(file: Path) -> int | None:
    try:
        return file.stat().st_size
    except OSError:
        return None
