"""An older version of this project, checked out beside this one, and the commands of either version."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.local_stack.settings import LocalStackSettings

ROOT = Path(__file__).resolve().parents[2]
_RUNTIME = ("export", "--frozen", "--no-dev", "--no-emit-project", "--no-hashes", "--no-header", "--quiet")
_OWN_CHOICE = "PINTEREST_JAVA_HOME"  # each version finds its own Java


@dataclass(frozen=True)
class Version:
    """A checkout and the Python that has its packages."""

    folder: Path
    python: str

    def run(self, settings: LocalStackSettings, *arguments: str, seconds: float = 1_200) -> str:
        """Runs a command of the local stack to its end and returns its output.

        Raises:
            AssertionError: it failed; the text is its output.
        """
        line = [self.python, "-m", "infra.command_line", *arguments]
        environment = self._environment(settings.environment())
        done = subprocess.run(
            line, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=seconds, check=False
        )
        sys.stdout.write(f"$ {self.folder}: {' '.join(arguments)}\n{done.stdout}{done.stderr}")
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def _environment(self, settings: Mapping[str, str]) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PINTEREST_")}
        own = {name: value for name, value in settings.items() if name != _OWN_CHOICE}
        return {**inherited, **own, "PYTHONPATH": str(self.folder)}


def this_version() -> Version:
    return Version(ROOT, sys.executable)


def older_version(ref: str, folder: Path) -> Version:
    """Checks `ref` out into the folder. Where it needs other packages, they get an environment of their own."""
    packed = subprocess.run(["git", "archive", ref], cwd=ROOT, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as files:
        files.extraction_filter = getattr(tarfile, "data_filter", lambda member, _: member)
        files.extractall(folder)  # noqa: S202  our own commit
    if _uv(folder, *_RUNTIME) == _uv(ROOT, *_RUNTIME):
        return Version(folder, sys.executable)
    _uv(folder, "sync", "--frozen", "--no-dev", "--quiet", f"--python={sys.executable}")
    return Version(folder, str(folder / ".venv" / "bin" / "python"))


def _uv(folder: Path, *arguments: str) -> str:
    uv = Path(sys.executable).with_name("uv")
    environment = {name: value for name, value in os.environ.items() if name != "UV_PROJECT_ENVIRONMENT"}
    finished = subprocess.run([uv, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return finished.stdout
