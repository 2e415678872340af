from __future__ import annotations

from pathlib import Path

import pytest

from infra.errors import StackError
from infra.local_stack.artifacts import Artifact, class_path, missing, read_lock, write_lock

JAR = Artifact(coordinate="org.example:server:jar:1.0", size=3, sha256="aa")
NATIVE = Artifact(coordinate="org.example:server:jar:linux-x86_64:1.0", size=4, sha256="bb")


def test_a_coordinate_names_the_path_in_mavens_layout() -> None:
    assert str(JAR.path) == "org/example/server/1.0/server-1.0.jar"
    assert str(NATIVE.path) == "org/example/server/1.0/server-1.0-linux-x86_64.jar"


def test_a_lock_that_was_written_reads_the_same(tmp_path: Path) -> None:
    write_lock({"kafka": (JAR, NATIVE), "s3": ()}, tmp_path / "lock")

    assert read_lock(tmp_path / "lock") == {"kafka": (JAR, NATIVE), "s3": ()}


def test_a_damaged_lock_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("<<<<<<< ours")

    with pytest.raises(StackError, match="Restore it with git"):
        read_lock(tmp_path / "lock")


def test_the_committed_lock_pins_every_server_and_names_no_host() -> None:
    lock = read_lock()

    assert {"kafka", "cassandra", "s3", "postgres", "spark"} <= set(lock)
    assert all(len(artifact.sha256) == 64 for artifacts in lock.values() for artifact in artifacts)
    assert not any("//" in artifact.coordinate for artifacts in lock.values() for artifact in artifacts)


def test_a_file_of_another_size_counts_as_missing(tmp_path: Path) -> None:
    for artifact, content in ((JAR, b"123"), (NATIVE, b"12")):
        file = tmp_path / artifact.path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)

    assert missing([JAR, NATIVE], tmp_path) == [NATIVE]


def test_a_class_path_keeps_the_order_of_the_lock() -> None:
    names = [Path(entry).name for entry in class_path([NATIVE, JAR], Path("/cache")).split(":")]

    assert names == ["server-1.0-linux-x86_64.jar", "server-1.0.jar"]
