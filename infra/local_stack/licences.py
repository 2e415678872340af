"""The licences that POMs name, read from Maven's local repository when the lock is made.

A POM without licences has those of its parent.
"""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as Xml

_SPACE = "{http://maven.apache.org/POM/4.0.0}"


def licences_of(jar: Path) -> tuple[str, ...]:
    """The names of the licences of a jar in Maven's local repository; empty if no POM says any."""
    artifact, version = jar.parents[1].name, jar.parent.name
    return _named_by(jar.parent / f"{artifact}-{version}.pom")


def _named_by(pom: Path) -> tuple[str, ...]:
    if not pom.exists():
        return ()
    project = Xml.parse(pom).getroot()  # noqa: S314  Maven has verified and parsed it already
    names = (_text(licence, "name") or _text(licence, "url") for licence in _all(project, "licenses", "license"))
    found = tuple(" ".join(name.split()) for name in names if name)
    parents = list(_all(project, "parent"))
    return found or (_named_by(_pom_of(parents[0], pom)) if parents else ())


def _pom_of(parent: Xml.Element, child: Path) -> Path:
    group, artifact, version = (_text(parent, name) for name in ("groupId", "artifactId", "version"))
    folder = _repository(child) / group.replace(".", "/") / artifact / version
    return folder / f"{artifact}-{version}.pom"


def _repository(pom: Path) -> Path:
    """The folder above the groups: Maven's own file of where a POM came from is beside each POM."""
    group = Xml.parse(pom).getroot()  # noqa: S314
    own = _text(group, "groupId") or next((_text(parent, "groupId") for parent in _all(group, "parent")), "")
    return pom.parents[2 + len(own.split("."))]


def _all(element: Xml.Element, *names: str) -> list[Xml.Element]:
    """With and without the namespace: some old POMs have none."""
    return element.findall("/".join(_SPACE + name for name in names)) or element.findall("/".join(names))


def _text(element: Xml.Element, name: str) -> str:
    return next((found.text.strip() for found in _all(element, name) if found.text), "")
