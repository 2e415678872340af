"""Sets of Debian packages, fetched and unpacked into a folder of the cache."""

from __future__ import annotations

import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from infra.local_stack.apt import Apt, NoPackagesError, record, unpack


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

    def choose(self, member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        """The member if it is wanted."""
        is_wanted = member.name.startswith(self.wanted) and not any(word in member.name for word in self.unwanted)
        return member if is_wanted else None


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
        raise NoPackagesError(f"apt-get took more than {error.timeout:.0f} s") from error
    except (OSError, subprocess.SubprocessError, tarfile.TarError) as error:
        raise NoPackagesError(str(error)) from error


def _download_and_unpack(packages: Packages, folder: Path) -> Path:
    apt = Apt(folder)
    apt.download(*packages.names)
    if packages.extras:
        with suppress(NoPackagesError):  # other releases may lack some
            apt.download(*packages.extras)
    unpacked = folder / "unpacked"
    unpacked.mkdir(mode=0o755)
    for package in sorted(folder.glob("*.deb")):
        unpack(package, unpacked, packages.choose)
    record(folder, unpacked)
    return unpacked
