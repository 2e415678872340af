from __future__ import annotations

import json
from pathlib import Path

import pytest
from cyclonedx.model.bom import Bom
from cyclonedx.output.json import JsonV1Dot6

from infra.dependencies.licence_names import spdx_id
from infra.dependencies.sbom import debian_components, server_components, validate, write_sbom
from infra.errors import StackError
from infra.local_stack.artifacts import Artifact, read_lock
from infra.local_stack.settings import LocalStackSettings

DIGEST = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_jar_of_two_servers_is_one_component() -> None:
    jar = Artifact("org.a:a:jar:linux-x86_64:1.0", 3, DIGEST, ("The Apache License, Version 2.0", "BSD licence"))

    bom = Bom(components=server_components({"kafka": (jar,), "spark": (jar,)}))
    text = JsonV1Dot6(bom).output_as_string()
    (component,) = json.loads(text)["components"]

    validate(text)
    assert component["purl"] == "pkg:maven/org.a/a@1.0?classifier=linux-x86_64&type=jar"
    assert component["hashes"] == [{"alg": "SHA-256", "content": DIGEST}]
    licences = [each["license"].get("id") or each["license"]["name"] for each in component["licenses"]]
    assert sorted(licences) == ["Apache-2.0", "BSD licence"]
    assert component["properties"] == [{"name": "pinterest:used_by", "value": "kafka, spark"}]


def test_debians_packages_are_those_that_were_unpacked(tmp_path: Path) -> None:
    (tmp_path / "openjdk").mkdir()
    (tmp_path / "openjdk" / "packages.sha256").write_text(f"{DIGEST}  openjdk_17.0.21.1+2-1~deb12u1_amd64.deb\n")

    (component,) = debian_components(tmp_path)

    assert component.purl is not None
    assert component.purl.to_string() == "pkg:deb/debian/openjdk@17.0.21.1%2B2-1~deb12u1?arch=amd64"


def test_the_whole_bill_matches_its_schema_and_has_every_artifact(tmp_path: Path) -> None:
    file = tmp_path / "sbom.json"

    count = write_sbom(LocalStackSettings(artifact_cache=tmp_path), file)

    components = json.loads(file.read_text())["components"]
    assert len(components) == count
    addresses = {component["purl"] for component in components}
    for artifacts in read_lock().values():
        for artifact in artifacts:
            group, name, *_, version = artifact.coordinate.split(":")
            assert any(address.startswith(f"pkg:maven/{group}/{name}@{version}?") for address in addresses)
    assert any(address.startswith("pkg:pypi/dagster@") for address in addresses)
    assert not any(address.startswith("pkg:pypi/pytest@") for address in addresses)


def test_what_does_not_match_the_schema_is_refused() -> None:
    with pytest.raises(StackError, match="does not match CycloneDX's schema"):
        validate('{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{"type": "nonsense", "name": "a"}]}')


def test_every_locked_artifact_has_a_licence() -> None:
    assert [each.coordinate for group in read_lock().values() for each in group if not each.licences] == []


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("The Apache Software License, Version 2.0", "Apache-2.0"),
        ("Apache Software License - Version 1.1", None),
        ("The MIT License (MIT)", "MIT"),
        ("Eclipse Public License - v 1.0", "EPL-1.0"),
        ("GNU Lesser General Public License", None),
        ("BSD licence", None),
    ],
)
def test_a_licence_has_an_id_only_where_its_name_leaves_nothing_open(name: str, found: str | None) -> None:
    assert spdx_id(name) == found
