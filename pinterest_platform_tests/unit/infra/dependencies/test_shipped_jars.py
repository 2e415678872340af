from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

from infra.dependencies.shipped_jars import ShippedJar, shipped_jars


def pack(jar: Path, **properties: str) -> str:
    with zipfile.ZipFile(jar, "w") as archive:
        for artifact, text in properties.items():
            archive.writestr(f"META-INF/maven/org.a/{artifact}/pom.properties", text)
    return hashlib.sha256(jar.read_bytes()).hexdigest()


def test_a_jar_is_what_its_own_properties_say_and_not_what_is_packed_into_it(tmp_path: Path) -> None:
    own, packed = "groupId=org.a\nartifactId=own\nversion=1.0\n", "groupId=org.b\nartifactId=packed\nversion=2.0\n"
    digest = pack(tmp_path / "own-1.0.jar", packed=packed, own=own)

    assert list(shipped_jars(tmp_path)) == [ShippedJar("org.a", "own", "1.0", digest)]


def test_a_jar_that_says_nothing_has_the_name_of_its_file(tmp_path: Path) -> None:
    first, second = pack(tmp_path / "scala-xml_2.12-2.1.0.jar"), pack(tmp_path / "tool.jar")

    assert list(shipped_jars(tmp_path)) == [
        ShippedJar(None, "scala-xml_2.12", "2.1.0", first),
        ShippedJar(None, "tool", "", second),
    ]
