"""Makes `infra/artifacts.lock` from the POMs. For developers: this needs Maven, which the stack itself does not."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

import pyspark

from infra.errors import StackError
from infra.local_stack.artifacts import INFRA, Artifact, Lock
from infra.local_stack.licences import licences_of

DEPENDENCY_LIST = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:list"
# "   group:artifact:jar[:classifier]:version:scope:/absolute/file.jar -- module ..."
RESOLVED = re.compile(r"^\s+(?P<coordinate>[^\s:]+(?::[^\s:]+){3,4}):(?:compile|runtime):(?P<file>\S+)")
VERSION = re.compile(r"-v?\d[\w.+]*?(?P<classifier>-[A-Za-z][\w.-]*)?\.jar$")
# Cassandra depends on Netty's native libraries for every system. On Linux these are never loaded.
OTHER_SYSTEMS = re.compile(r"osx-|windows-|linux-riscv64")


def resolve(infra: Path = INFRA) -> Lock:
    """The run-time artifacts of every POM under `infra`, by the POM's folder, with the checksums of Maven's files."""
    poms = sorted(infra.rglob("pom.xml"))
    lock = {pom.parent.relative_to(infra).as_posix(): resolve_pom(pom) for pom in poms}
    shipped = (jar.name for jar in (Path(pyspark.__file__).parent / "jars").glob("*.jar"))
    return {**lock, "spark": without_shipped(lock["spark"], shipped)}


def resolve_pom(pom: Path) -> tuple[Artifact, ...]:
    """The run-time artifacts of one POM, in class path order.

    Raises:
        StackError: Maven is not installed, or could not resolve the POM.
    """
    if shutil.which("mvn") is None:
        raise StackError("Making the lock needs Maven: install it (apt install maven) and try again.")
    with tempfile.TemporaryDirectory() as folder:
        listing = Path(folder, "list.txt")
        options = ["-DincludeScope=runtime", "-DoutputAbsoluteArtifactFilename=true", f"-DoutputFile={listing}"]
        command = ["mvn", "--quiet", "--batch-mode", f"--file={pom}", DEPENDENCY_LIST, *options]
        finished = subprocess.run(command, capture_output=True, text=True, check=False)
        if finished.returncode:
            raise StackError(f"Maven could not resolve {pom}:\n{finished.stdout.strip()}")
        return read_listing(listing.read_text())


def read_listing(text: str) -> tuple[Artifact, ...]:
    """The artifacts in the output of Maven's `dependency:list`; their files are read from Maven's local repository."""
    matches = (match for line in text.splitlines() if (match := RESOLVED.match(line)))
    wanted = (match for match in matches if not OTHER_SYSTEMS.search(match["coordinate"]))
    return tuple(_measure(match["coordinate"], Path(match["file"])) for match in wanted)


def without_shipped(artifacts: Iterable[Artifact], shipped: Iterable[str]) -> tuple[Artifact, ...]:
    """The artifacts that Spark does not ship in any version: two versions on a class path break it."""
    names = {name_without_version(jar) for jar in shipped}
    return tuple(artifact for artifact in artifacts if name_without_version(artifact.path.name) not in names)


def name_without_version(jar: str) -> str:
    """`netty-all-4.1.jar` → `netty-all`, `jffi-1.3-native.jar` → `jffi-native`."""
    return VERSION.sub(lambda match: match["classifier"] or "", jar)


def _measure(coordinate: str, file: Path) -> Artifact:
    content = file.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    return Artifact(coordinate=coordinate, size=len(content), sha256=digest, licences=licences_of(file))
