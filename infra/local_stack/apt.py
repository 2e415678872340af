"""Debian's packages, downloaded and verified by apt and unpacked into a folder, not installed.

This needs no root, starts no service and leaves nothing to remove.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

RECORD = "packages.sha256"
_SECONDS = 120
_PATIENCE = ("-o", "Acquire::http::Timeout=10", "-o", "Acquire::Retries=1")


class NoPackagesError(Exception):
    """The packages could not be fetched. The text is apt's last message."""


class Apt:
    """apt-get; uses package lists of its own if the system's are outdated, since only root may update those."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._options: tuple[str, ...] = ()

    def download(self, *packages: str) -> None:
        """Downloads the packages into the folder.

        Raises:
            NoPackagesError: there are none, or no apt.
        """
        try:
            self._run("download", *packages)
        except NoPackagesError:
            if self._options:
                raise
            self.update()
            self._run("download", *packages)

    def update(self) -> None:
        """Fetches package lists of its own, so that the newest versions are known; raises NoPackagesError."""
        self._options = self._own_lists()
        self._run("update")

    def file_name(self, package: str) -> str:
        """The name of the file that `download` would fetch, which has the version; raises NoPackagesError."""
        _, _, address = self._run("download", "--print-uris", package).partition("'")
        return unquote(address.partition("'")[0].rpartition("/")[2])

    def _own_lists(self) -> tuple[str, ...]:
        for name in ("lists/partial", "archives/partial"):
            (self._folder / name).mkdir(parents=True)
        places = {"Dir::State::Lists": "lists", "Dir::Cache": "", "Dir::Cache::Archives": "archives"}
        return tuple(part for name, place in places.items() for part in ("-o", f"{name}={self._folder / place}"))

    def _run(self, *command: str) -> str:
        if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
            raise NoPackagesError("this system has no apt-get and dpkg-deb")
        finished = subprocess.run(
            ["apt-get", "-q", *_PATIENCE, "-o", "APT::Sandbox::User=root", *self._options, *command],
            cwd=self._folder,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        if finished.returncode:
            said = (finished.stderr or finished.stdout).strip().splitlines()
            raise NoPackagesError(said[-1] if said else f"apt-get {command[0]} failed")
        return finished.stdout


def unpack(package: Path, target: Path, choose: Callable[[tarfile.TarInfo], tarfile.TarInfo | None]) -> None:
    """Extracts what `choose` returns of a package's members: dpkg-deb reads the format, Python filters.

    Raises:
        NoPackagesError: dpkg-deb cannot read the package.
    """
    with (
        subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE) as reader,
        tarfile.open(fileobj=reader.stdout, mode="r|") as files,
    ):
        # Python before 3.11.4 has no filter. apt has verified the package: the filter only prevents a warning.
        files.extraction_filter = getattr(tarfile, "data_filter", lambda member, _: member)
        for member in files:
            if (chosen := choose(member)) is not None:
                files.extract(chosen, target)
    if reader.returncode:
        raise NoPackagesError(f"{package.name} cannot be unpacked")


def record(folder: Path, target: Path) -> None:
    """Writes which packages of `folder` were unpacked into `target`, as `sha256sum` would list them."""
    packages = sorted(folder.glob("*.deb"))
    lines = (f"{hashlib.sha256(package.read_bytes()).hexdigest()}  {unquote(package.name)}\n" for package in packages)
    (target / RECORD).write_text("".join(lines))
