"""Where PostgreSQL's programs and data are, and the user that PostgreSQL runs as.

PostgreSQL refuses to run as root. If root starts the stack, it runs as another user, who cannot read below /root. Then
programs and data are below /var/lib instead of the cache and the state folder.
"""

from __future__ import annotations

import hashlib
import lzma
import os
import pwd
import secrets
import shutil
import stat
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from infra.errors import StackError
from infra.local_stack.credentials import write_private
from infra.local_stack.server import Account

ROOTS_PLACE = Path("/var/lib/pinterest-platform")
ROOT = 0
_ID_FILE = "postgres.id"


@dataclass(frozen=True)
class PostgresHome:
    """The folders of PostgreSQL. `account` is None if it runs as the user who starts the stack."""

    account: Account | None
    programs: Path
    data: Path


def postgres_home(state: Path, cache: Path, version: str) -> PostgresHome:
    """The folders: in the cache and the state folder, or below /var/lib where the server's user cannot reach those."""
    account = unprivileged_account() if os.geteuid() == ROOT else None
    programs, data = cache / "unpacked", state / "postgres"
    if account and not anyone_reaches(programs):
        programs = ROOTS_PLACE / "programs"
    if account and not anyone_reaches(data):
        data = ROOTS_PLACE / hashlib.sha256(str(state).encode()).hexdigest()[:12]
    return PostgresHome(account=account, programs=programs / f"postgres-{version}", data=data / "data")


def unprivileged_account() -> Account:
    """The user `postgres` if it exists, else `nobody`.

    Raises:
        StackError: the system has neither.
    """
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name=name, user=entry.pw_uid, group=entry.pw_gid)
    raise StackError("PostgreSQL refuses to run as root. Create a user for it: adduser --system postgres")


def anyone_reaches(folder: Path) -> bool:
    """Whether every existing parent folder allows all users to pass through it."""
    existing = (parent for parent in folder.parents if parent.exists())
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in existing)


def unpack_programs(jar: Path, programs: Path) -> None:
    """Unpacks the archive in the jar if it is not unpacked yet; safe to run twice at the same time."""
    if programs.exists():
        return
    programs.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=programs.parent) as folder:
        unpacked = Path(folder, "programs")
        with zipfile.ZipFile(jar) as archive:
            (name,) = (name for name in archive.namelist() if name.endswith(".txz"))
            with archive.open(name) as packed, lzma.open(packed) as content, tarfile.open(fileobj=content) as files:
                # Python before 3.11.4 has no filter. The bytes are pinned: the filter only prevents a warning.
                files.extraction_filter = getattr(tarfile, "data_filter", lambda member, _: member)
                files.extractall(unpacked)  # noqa: S202
        unpacked.chmod(0o755)
        if not programs.exists():
            shutil.move(unpacked, programs)


def set_aside_data_of_another_state(home: PostgresHome, state: Path) -> Path | None:
    """Renames data outside the state folder that was made for another one, which was deleted by hand; returns its name.

    Both folders have the same random id. Data without an id is adopted, since versions before the id wrote none.
    """
    if home.data.is_relative_to(state):
        return None
    ours, theirs = (folder / _ID_FILE for folder in (state, home.data.parent))
    is_strange = theirs.exists() and (not ours.exists() or ours.read_text() != theirs.read_text())
    aside = None
    if is_strange and home.data.exists():
        aside = home.data.with_name(f"data-set-aside-{datetime.now(UTC):%Y%m%dT%H%M%S}")
        home.data.rename(aside)
    if not ours.exists():
        write_private(ours, secrets.token_hex())
    write_private(theirs, ours.read_text())
    return aside


def make_data_folder(home: PostgresHome) -> None:
    """Creates the folder with the permissions that `initdb` requires."""
    home.data.parent.mkdir(parents=True, exist_ok=True)
    home.data.mkdir(mode=0o700, exist_ok=True)
    if home.account:
        os.chown(home.data, home.account.user, home.account.group)
