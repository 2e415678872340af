"""Write keys: clients send them in the `X-API-Key` header, and the API stores only their hashes.

`python -m ingest_api.write_keys NAME` makes one. Keys are long and random, so no dictionary helps an attacker and one
round of SHA-256 is enough.
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping, Sequence

LOOPBACK = "loopback"
HEADER = "X-API-Key"


class UnknownKeyError(Exception):
    """The request has no valid key."""


class WriteKeys:
    """The valid keys: `hashes` maps names to the keys' SHA-256 in hexadecimal. If empty, everyone may post."""

    def __init__(self, hashes: Mapping[str, str]) -> None:
        self._digests = [(name, bytes.fromhex(digits)) for name, digits in hashes.items()]

    @property
    def are_demanded(self) -> bool:
        """Whether a request needs a key."""
        return bool(self._digests)

    @property
    def owners(self) -> list[str]:
        """All that `owner` may return."""
        return sorted({name for name, _ in self._digests} or {LOOPBACK})

    def owner(self, key: bytes | None) -> str:
        """The name of the key; `loopback` if keys are not required.

        Raises:
            UnknownKeyError: the key is missing or not valid.
        """
        if not self._digests:
            return LOOPBACK
        if key is None:
            raise UnknownKeyError(f"The header {HEADER} is missing.")
        presented, owner = hashlib.sha256(key).digest(), None
        # All keys are compared, each in constant time, so that response times reveal nothing about them.
        for name, digest in self._digests:
            if hmac.compare_digest(presented, digest):
                owner = name
        if owner is None:
            raise UnknownKeyError(f"The key in the header {HEADER} is not valid.")
        return owner


def new_key() -> str:
    """A new key of 256 random bits."""
    return secrets.token_urlsafe(32)


def hash_of(key: str) -> str:
    """The SHA-256 of a key in hexadecimal, which the API stores."""
    return hashlib.sha256(key.encode()).hexdigest()


def main(arguments: Sequence[str] | None = None) -> None:
    """Makes a key and shows it once, with the setting to configure."""
    from rich.console import Console  # the API imports this module too and should start fast

    parser = argparse.ArgumentParser(prog="python -m ingest_api.write_keys", description="Makes a write key.")
    parser.add_argument("name", help="the key's owner, shown in logs and metrics")
    name, key = parser.parse_args(arguments).name, new_key()
    console = Console(soft_wrap=True, highlight=False, markup=False)
    console.print(f"Give this to {name}. It is shown only once:\n  {HEADER}: {key}")
    console.print(f"Add this to the API's settings, together with its other keys:\n  {_setting(name, key)}")


def _setting(name: str, key: str) -> str:
    return f"PINTEREST_INGEST_WRITE_KEYS='{json.dumps({name: hash_of(key)})}'"


if __name__ == "__main__":
    main()
