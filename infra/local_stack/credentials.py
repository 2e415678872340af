"""The secrets of one local stack: random at its first start, kept beside its data, readable by their owner only.

Belongs here: making, keeping and reading them. Does not belong here: secrets of anything that is not on 127.0.0.1.
"""

from __future__ import annotations

import json
import os
import pwd
import secrets
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from pydantic import SecretStr

from infra.errors import StackError
from infra.local_stack.settings import LocalStackSettings

OWNER_ONLY = 0o600
EVERYONE = 0o644


def _random() -> str:
    return secrets.token_urlsafe(24)


def _plain(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None


@dataclass(frozen=True)
class Credentials:
    """Passwords and keys; hidden from `repr`, so that no log shows them by accident."""

    postgres_superuser_password: str = field(default_factory=_random, repr=False)
    postgres_password: str = field(default_factory=_random, repr=False)
    postgres_monitor_password: str = field(default_factory=_random, repr=False)
    s3_access_key: str = field(default_factory=_random, repr=False)
    s3_secret_key: str = field(default_factory=_random, repr=False)

    def overridden_by(self, settings: LocalStackSettings) -> Credentials:
        """These, except where someone set their own."""
        return replace(
            self,
            postgres_superuser_password=_plain(settings.postgres_superuser_password)
            or self.postgres_superuser_password,
            postgres_password=_plain(settings.postgres_password) or self.postgres_password,
            postgres_monitor_password=_plain(settings.postgres_monitor_password) or self.postgres_monitor_password,
            s3_access_key=settings.s3_access_key or self.s3_access_key,
            s3_secret_key=_plain(settings.s3_secret_key) or self.s3_secret_key,
        )


def load_or_create(file: Path) -> Credentials:
    """The secrets in this file, and new ones for what it does not have yet.

    Raises:
        StackError: they are another user's, the file is damaged, or there is none and the folder may not be written.
    """
    try:
        kept = json.loads(file.read_text()) if file.exists() else {}
        credentials = Credentials(**kept)
    except PermissionError as error:
        raise StackError(
            f"The stack in {file.parent} is another user's, {owner_of(file.parent)}'s: only they may use it, or root. "
            "PINTEREST_STATE_FOLDER names a folder of your own."
        ) from error
    except (ValueError, TypeError) as error:
        raise StackError(f"{file} is damaged. `make clean-data` starts over, with empty servers.") from error
    if asdict(credentials) != kept:
        try:
            _write(file, credentials)
        except PermissionError as error:
            raise StackError(
                f"{file.parent} cannot be written by this user ({error.strerror}). PINTEREST_STATE_FOLDER names a "
                "folder of your own."
            ) from error
    return credentials


def _write(file: Path, credentials: Credentials) -> None:
    """Keeps the time of a file that was there: data of PostgreSQL that is older than the secrets is dropped."""
    before = file.stat() if file.exists() else None
    write_private(file, json.dumps(asdict(credentials), indent=2) + "\n")
    if before:
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def owner_of(path: Path) -> str:
    """The name of the user whose it is, or the number where they have none."""
    number = path.stat().st_uid
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def write_private(file: Path, text: str, rights: int = OWNER_ONLY) -> None:
    """Writes at once or not at all, and never with more rights than these: by default nobody else's."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(file.name + ".part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, rights), "w") as content:
        content.write(text)
    part.replace(file)
