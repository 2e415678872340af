"""The artifacts that the POMs under `infra` ask for by name, and the newest releases of them in Maven's repository."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as Xml

import httpx

from infra.dependencies.held_back import in_order
from infra.local_stack.artifacts import INFRA
from infra.local_stack.download import MAVEN_CENTRAL

_SPACE = {"m": "http://maven.apache.org/POM/4.0.0"}
_UNFINISHED = re.compile(r"alpha|beta|preview|snapshot|[.-](rc|cr|m|ea)-?\d*", re.IGNORECASE)


@dataclass(frozen=True)
class Wanted:
    """One artifact of a POM: `group:artifact`, its version, and the server whose POM it is."""

    name: str
    version: str
    server: str


def wanted_artifacts(infra: Path = INFRA) -> list[Wanted]:
    """Every artifact with a version in a POM, those of imported BOMs included, each once per version."""
    found = (each for pom in sorted(infra.rglob("pom.xml")) for each in _of_pom(pom, infra))
    return list({(each.name, each.version): each for each in found}.values())


def finished_releases(names: Iterable[str], base_url: str = MAVEN_CENTRAL) -> dict[str, list[str] | Exception]:
    """The finished releases by name, in order, or why they could not be asked."""
    unique = sorted(set(names))
    with httpx.Client(verify=ssl.create_default_context(), timeout=30, follow_redirects=True) as client:

        def ask(name: str) -> list[str] | Exception:
            try:
                group, _, artifact = name.partition(":")
                return _finished(client, f"{base_url}/{group.replace('.', '/')}/{artifact}/maven-metadata.xml")
            except (httpx.HTTPError, Xml.ParseError, ValueError) as error:
                return error

        with ThreadPoolExecutor(8) as pool:
            return dict(zip(unique, pool.map(ask, unique), strict=True))


def _finished(client: httpx.Client, address: str) -> list[str]:
    answer = client.get(address).raise_for_status()
    versions = [found.text or "" for found in Xml.fromstring(answer.text).iterfind("versioning/versions/version")]  # noqa: S314
    return sorted((version for version in versions if not _UNFINISHED.search(version)), key=in_order)


def _of_pom(pom: Path, infra: Path) -> Iterator[Wanted]:
    project = Xml.parse(pom).getroot()  # noqa: S314  the project's own file
    for dependency in project.iterfind(".//m:dependency", _SPACE):
        group, artifact, version = (
            dependency.findtext(f"m:{tag}", "", _SPACE) for tag in ("groupId", "artifactId", "version")
        )
        if version:
            yield Wanted(f"{group}:{artifact}", version, pom.parent.relative_to(infra).as_posix())
