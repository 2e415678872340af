from __future__ import annotations

from pathlib import Path

import pytest

from infra.local_stack.artifacts import Artifact
from infra.local_stack.resolve import name_without_version, read_listing, without_shipped


def artifact(coordinate: str) -> Artifact:
    return Artifact(coordinate=coordinate, size=1, sha256="aa")


def test_mavens_listing_becomes_measured_artifacts_for_linux(tmp_path: Path) -> None:
    (tmp_path / "a.jar").write_bytes(b"abc")
    listing = f"""
The following files have been resolved:
   org.a:a:jar:1.0:compile:{tmp_path}/a.jar -- module a (auto)
   org.a:a:jar:osx-x86_64:1.0:runtime:{tmp_path}/absent.jar
   org.a:a:jar:linux-x86_64:1.0:runtime:{tmp_path}/a.jar
"""

    found = read_listing(listing)

    assert [each.coordinate for each in found] == ["org.a:a:jar:1.0", "org.a:a:jar:linux-x86_64:1.0"]
    assert found[0].size == 3
    assert found[0].sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize(
    ("jar", "name"),
    [
        ("spark-sql_2.12-3.5.7.jar", "spark-sql_2.12"),
        ("guava-14.0.1.jar", "guava"),
        ("jffi-1.3.11-native.jar", "jffi-native"),
        ("hive-storage-api-2.8.1.jar", "hive-storage-api"),
    ],
)
def test_a_jar_is_known_by_its_name_without_version(jar: str, name: str) -> None:
    assert name_without_version(jar) == name


def test_jars_that_spark_ships_in_another_version_are_left_out() -> None:
    wanted = [artifact("com.google.guava:guava:jar:31.0"), artifact("org.postgresql:postgresql:jar:42.7.14")]

    assert without_shipped(wanted, ["guava-14.0.1.jar"]) == (wanted[1],)
