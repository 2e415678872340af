"""Fetches Debian packages into a folder of the cache, as any user, and installs nothing.

apt downloads and verifies them; Python unpacks the wanted files. No service starts and nothing is left to remove.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_APT_SECONDS = 120
_PATIENCE = ("-o", "Acquire::http::Timeout=10", "-o", "Acquire::Retries=1")


class NoPackagesError(Exception):
    """The packages could not be fetched. The text is apt's last message."""


def nothing(_: Path) -> None:
    """Changes nothing: the default for `adapt`."""


@dataclass(frozen=True)
class Packages:
    """Which packages, and which of their files: those below `wanted` whose path contains none of `unwanted`.

    `extras` may be missing. `adapt` gets the folder of the unpacked files before anyone else sees it.
    """

    names: Sequence[str]
    wanted: tuple[str, ...]
    unwanted: tuple[str, ...] = ()
    extras: Sequence[str] = ()
    adapt: Callable[[Path], None] = nothing


def fetch_packages(packages: Packages, target: Path) -> None:
    """Downloads and unpacks the packages to `target`, which appears only once it is whole.

    Raises:
        NoPackagesError: this system has no apt, a package could not be had, or another process made `target` first.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            unpacked = _download_and_unpack(packages, Path(folder))
            packages.adapt(unpacked)
            unpacked.rename(target)
    except subprocess.TimeoutExpired as error:
        raise NoPackagesError(f"apt-get took more than {_APT_SECONDS} s") from error
    except (OSError, subprocess.SubprocessError, tarfile.TarError) as error:
        raise NoPackagesError(str(error)) from error


def _download_and_unpack(packages: Packages, folder: Path) -> Path:
    apt = _Apt(folder)
    apt.download(*packages.names)
    if packages.extras:
        with suppress(NoPackagesError):  # other releases may lack some
            apt.download(*packages.extras)
    unpacked = folder / "unpacked"
    unpacked.mkdir(mode=0o755)
    for package in sorted(folder.glob("*.deb")):
        _unpack(package, unpacked, packages)
    return unpacked


class _Apt:
    """apt-get; uses package lists of its own if the system's are outdated, since only root may update those."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._options: tuple[str, ...] = ()

    def download(self, *packages: str) -> None:
        try:
            self._run("download", *packages)
        except NoPackagesError:
            if self._options:
                raise
            self._options = self._own_lists()
            self._run("update")
            self._run("download", *packages)

    def _own_lists(self) -> tuple[str, ...]:
        for name in ("lists/partial", "archives/partial"):
            (self._folder / name).mkdir(parents=True)
        places = {"Dir::State::Lists": "lists", "Dir::Cache": "", "Dir::Cache::Archives": "archives"}
        return tuple(part for name, place in places.items() for part in ("-o", f"{name}={self._folder / place}"))

    def _run(self, *command: str) -> None:
        if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
            raise NoPackagesError("this system has no apt-get and dpkg-deb")
        finished = subprocess.run(
            ["apt-get", "-q", *_PATIENCE, "-o", "APT::Sandbox::User=root", *self._options, *command],
            cwd=self._folder,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
            capture_output=True,
            text=True,
            timeout=_APT_SECONDS,
            check=False,
        )
        if finished.returncode:
            said = (finished.stderr or finished.stdout).strip().splitlines()
            raise NoPackagesError(said[-1] if said else f"apt-get {command[0]} failed")


def _unpack(package: Path, target: Path, packages: Packages) -> None:
    """Extracts the wanted files of a package: dpkg-deb reads the format, Python filters."""
    with (
        subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE) as reader,
        tarfile.open(fileobj=reader.stdout, mode="r|") as files,
    ):
        # Python before 3.11.4 has no filter. apt has verified the package: the filter only prevents a warning.
        files.extraction_filter = getattr(tarfile, "data_filter", lambda member, _: member)
        for member in files:
            if member.name.startswith(packages.wanted) and not any(word in member.name for word in packages.unwanted):
                files.extract(member, target)
    if reader.returncode:
        raise NoPackagesError(f"{package.name} cannot be unpacked")
