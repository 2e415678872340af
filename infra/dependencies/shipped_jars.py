"""The jars inside the pyspark wheel, with the Maven coordinates that each has in its `pom.properties`."""

from __future__ import annotations

import hashlib
import importlib.util
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_NAME = re.compile(r"(?P<name>.+?)-(?P<version>v?\d.*)")


@dataclass(frozen=True)
class ShippedJar:
    """One jar. `group` is None if the jar does not say it; name and version are then those of its file."""

    group: str | None
    name: str
    version: str
    sha256: str


def shipped_jars(folder: Path | None = None) -> Iterator[ShippedJar]:
    """The jars of the folder, by default pyspark's, in order of their names."""
    for jar in sorted((folder or _pysparks_folder()).glob("*.jar")):
        yield _read(jar)


def _pysparks_folder() -> Path:
    found = importlib.util.find_spec("pyspark")
    return Path(str(found and found.origin)).parent / "jars"


def _read(jar: Path) -> ShippedJar:
    digest = hashlib.sha256(jar.read_bytes()).hexdigest()
    for properties in _pom_properties(jar):
        group, name, version = (properties.get(key, "") for key in ("groupId", "artifactId", "version"))
        if jar.stem.startswith(f"{name}-{version}"):  # others are of libraries that are packed into this one
            return ShippedJar(group, name, version, digest)
    parts = _NAME.fullmatch(jar.stem)
    return ShippedJar(None, parts["name"] if parts else jar.stem, parts["version"] if parts else "", digest)


def _pom_properties(jar: Path) -> Iterator[dict[str, str]]:
    with zipfile.ZipFile(jar) as archive:
        for name in archive.namelist():
            if name.startswith("META-INF/maven/") and name.endswith("/pom.properties"):
                lines = archive.read(name).decode(errors="replace").splitlines()
                yield dict(line.strip().split("=", 1) for line in lines if "=" in line)
