"""`make sbom`: a bill of materials (CycloneDX 1.6, JSON) of the Python packages and of what the servers consist of.

Python packages come from `uv.lock` (uv exports them with their files' SHA-256), servers' jars from
`infra/artifacts.lock`, Spark's jars from the pyspark wheel, Debian's packages from the cache if they are there.
Licences are what packages and POMs say of themselves.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata
from importlib.resources import files
from pathlib import Path
from typing import Any

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense, License
from cyclonedx.output.json import JsonV1Dot6
from jsonschema_rs import Registry, ValidationError, validator_for
from packageurl import PackageURL

from infra.dependencies.licence_names import spdx_id
from infra.dependencies.shipped_jars import ShippedJar, shipped_jars
from infra.errors import StackError
from infra.local_stack.apt import RECORD
from infra.local_stack.artifacts import INFRA, Artifact, Lock, read_lock
from infra.local_stack.settings import LocalStackSettings

ROOT = INFRA.parent
FILE = Path("sbom.cdx.json")
# The library's own validator takes minutes: it compares every two components.
_SCHEMAS, _ADDRESS = "cyclonedx.schema._res", "http://cyclonedx.org/schema/"
_SCHEMA = ("bom-1.6.SNAPSHOT.schema.json", "spdx.SNAPSHOT.schema.json", "jsf-0.82.SNAPSHOT.schema.json")


def write_sbom(settings: LocalStackSettings, file: Path = FILE) -> int:
    """Writes the bill of materials; returns the number of its components.

    Raises:
        StackError: uv cannot read the lock, or the result does not match CycloneDX's schema.
    """
    bom = _python_packages()
    for component in bom.components:
        component.licenses.update(_licences_of_package(component.name))
    unpacked = settings.artifact_cache.expanduser() / "unpacked"
    servers = [*server_components(read_lock()), *spark_components(shipped_jars()), *debian_components(unpacked)]
    bom.components.update(servers)
    if bom.metadata.component is not None:
        bom.register_dependency(bom.metadata.component, servers)
    text = JsonV1Dot6(bom).output_as_string(indent=2)
    validate(text)
    file.write_text(text + "\n")
    return len(bom.components)


def validate(text: str) -> None:
    """Raises StackError if the text is not a bill of materials by CycloneDX's schema."""
    schemas = {file.name: json.loads(file.read_text()) for file in files(_SCHEMAS).iterdir() if file.name in _SCHEMA}
    bom, *others = (schemas[name] for name in _SCHEMA)
    registry = Registry([(_ADDRESS + name, other) for name, other in zip(_SCHEMA[1:], others, strict=True)])
    try:
        validator_for(bom, registry=registry).validate(json.loads(text))
    except ValidationError as error:
        raise StackError(f"The bill of materials does not match CycloneDX's schema: {error.message}") from error


def server_components(lock: Lock) -> list[Component]:
    """The locked artifacts, each once, with the servers that use it."""
    servers: dict[Artifact, list[str]] = {}
    for server, artifacts in lock.items():
        for artifact in artifacts:
            servers.setdefault(artifact, []).append(server)
    return [_component(artifact, used_by) for artifact, used_by in servers.items()]


def spark_components(jars: Iterable[ShippedJar]) -> Iterator[Component]:
    """The jars inside pyspark. Where a jar does not say its group, the address is a generic one."""
    for jar in jars:
        kind, qualifiers = ("maven", {"type": "jar"}) if jar.group else ("generic", {"filename": f"{jar.name}.jar"})
        url = PackageURL(kind, jar.group, jar.name, jar.version, qualifiers)
        component = _described(jar.name, jar.version, url, jar.sha256, (), {"pinterest:inside": "pyspark"})
        component.group = jar.group
        component.bom_ref.value = f"pyspark/{url.to_string()}"
        yield component


def debian_components(unpacked: Path) -> Iterator[Component]:
    """The packages that apt has fetched into the cache."""
    for record in sorted(unpacked.glob(f"*/{RECORD}")):
        for line in record.read_text().splitlines():
            digest, _, file = line.partition("  ")
            name, version, architecture = file.removesuffix(".deb").split("_")
            url = PackageURL("deb", "debian", name, version, {"arch": architecture})
            yield _described(name, version, url, digest, (), {"pinterest:unpacked_in": record.parent.name})


def _python_packages() -> Bom:
    command = ["export", "--frozen", "--no-dev", "--format=cyclonedx1.5", "--preview-features=sbom-export", "--quiet"]
    uv = Path(sys.executable).with_name("uv")
    finished = subprocess.run([uv, *command], cwd=ROOT, capture_output=True, text=True, check=False)
    if finished.returncode:
        raise StackError(f"uv could not export uv.lock: {finished.stderr.strip()}")
    exported = json.loads(finished.stdout)
    tools = [{"type": "application", "name": each["name"], "version": each["version"]} for each in _tools(exported)]
    bom: Any = Bom
    parsed: Bom = bom.from_json({**exported, "metadata": {**exported["metadata"], "tools": {"components": tools}}})
    return parsed


def _tools(exported: Mapping[str, Any]) -> list[dict[str, str]]:
    """uv writes them in the form of CycloneDX 1.4."""
    return list(exported["metadata"]["tools"])


def _component(artifact: Artifact, used_by: Iterable[str]) -> Component:
    group, name, extension, *classifier, version = artifact.coordinate.split(":")
    qualifiers = {"type": extension, **({"classifier": classifier[0]} if classifier else {})}
    url = PackageURL("maven", group, name, version, qualifiers)
    properties = {"pinterest:used_by": ", ".join(used_by)}
    component = _described(name, version, url, artifact.sha256, artifact.licences, properties)
    component.group = group
    return component


def _described(
    name: str, version: str, url: PackageURL, digest: str, licences: Iterable[str], properties: dict[str, str]
) -> Component:
    return Component(
        type=ComponentType.LIBRARY,
        name=name,
        version=version,
        purl=url,
        bom_ref=url.to_string(),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest)],
        licenses=_licences(licences),
        properties=[Property(name=key, value=value) for key, value in properties.items()],
    )


def _licences(names: Iterable[str]) -> list[License]:
    """By their SPDX ids where the name says which one it is, else by name."""
    ids = ((name, spdx_id(name)) for name in names)
    return [DisjunctiveLicense(id=known) if known else DisjunctiveLicense(name=name) for name, known in ids]


def _licences_of_package(name: str) -> list[License]:
    """What the installed package says: a licence expression, classifiers, or a line of text; empty if nothing."""
    try:
        about: Any = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return []
    if expression := about.get("License-Expression"):
        return [LicenseFactory().make_from_string(expression)]
    prefix = "License :: OSI Approved :: "
    classifiers = [each for each in about.get_all("Classifier") or [] if each.startswith(prefix)]
    free_text = (about.get("License") or "").splitlines()[:1]  # some have the whole licence there
    return _licences([classifier.removeprefix(prefix) for classifier in classifiers] or filter(None, free_text))
