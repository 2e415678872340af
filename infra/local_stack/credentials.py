"""The secrets of one local stack: made at random on its first start, stored with its data, readable only by the owner.

Only for servers on 127.0.0.1.
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
    """Passwords and keys, hidden from `repr` so that they do not get into logs."""

    postgres_superuser_password: str = field(default_factory=_random, repr=False)
    postgres_password: str = field(default_factory=_random, repr=False)
    postgres_monitor_password: str = field(default_factory=_random, repr=False)
    s3_access_key: str = field(default_factory=_random, repr=False)
    s3_secret_key: str = field(default_factory=_random, repr=False)

    def overridden_by(self, settings: LocalStackSettings) -> Credentials:
        """These credentials, with those from the settings in their place where set."""
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
    """Reads the secrets from the file, and adds the missing ones.

    Raises:
        StackError: the file belongs to another user, is damaged, or cannot be written.
    """
    try:
        kept = json.loads(file.read_text()) if file.exists() else {}
        credentials = Credentials(**kept)
    except PermissionError as error:
        raise StackError(
            f"The stack in {file.parent} belongs to {owner_of(file.parent)}. Only they and root may use it. "
            "To run your own stack, set PINTEREST_STATE_FOLDER to a folder of yours."
        ) from error
    except (ValueError, TypeError) as error:
        raise StackError(f"{file} is damaged. Start over with empty servers: make clean-data") from error
    if asdict(credentials) != kept:
        try:
            write_private(file, json.dumps(asdict(credentials), indent=2) + "\n")
        except PermissionError as error:
            raise StackError(
                f"{file.parent} cannot be written by this user ({error.strerror}). Set PINTEREST_STATE_FOLDER to a "
                "folder of yours."
            ) from error
    return credentials


def refuse_another_users(file: Path) -> None:
    """Refuse to start a stack whose secrets belong to another user, even for root.

    Root's files in the folder would keep its owner out afterwards.

    Raises:
        StackError: names the owner.
    """
    if file.exists() and file.stat().st_uid != os.geteuid():
        owner = owner_of(file)
        raise StackError(
            f"The stack in {file.parent} belongs to {owner}. Start it as that user: sudo -u {owner} make run. To run a "
            "stack of your own, set PINTEREST_STATE_FOLDER to another folder."
        )


def owner_of(path: Path) -> str:
    """The name of the file's owner, or the user id if it has no name."""
    number = path.stat().st_uid
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def write_private(file: Path, text: str, rights: int = OWNER_ONLY) -> None:
    """Writes the file atomically. It never has more permissions than `rights`: by default only the owner's."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(file.name + ".part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, rights), "w") as content:
        content.write(text)
    part.replace(file)
