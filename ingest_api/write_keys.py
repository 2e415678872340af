"""Who may post: keys in the `X-API-Key` header, of which the API knows hashes only.

Belongs here: what a key looks like, its hash, and finding out whose it is. `python -m ingest_api.write_keys NAME` makes
one. Keys are random and long, so one round of SHA-256 is enough: there is no dictionary to try.
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
    """There is no key, or none that is valid."""


class WriteKeys:
    """`hashes` has the SHA-256 of each valid key in hexadecimal digits, by its name; none: everyone may post."""

    def __init__(self, hashes: Mapping[str, str]) -> None:
        self._digests = [(name, bytes.fromhex(digits)) for name, digits in hashes.items()]

    @property
    def are_demanded(self) -> bool:
        """Whether a request needs a key."""
        return bool(self._digests)

    def owner(self, key: bytes | None) -> str:
        """The name of the key; `loopback` where none is demanded.

        Raises:
            UnknownKeyError: it is missing or none of ours.
        """
        if not self._digests:
            return LOOPBACK
        if key is None:
            raise UnknownKeyError(f"The header {HEADER} is missing.")
        presented, owner = hashlib.sha256(key).digest(), None
        # All are compared, each in constant time: an answer's time says nothing about which keys there are.
        for name, digest in self._digests:
            if hmac.compare_digest(presented, digest):
                owner = name
        if owner is None:
            raise UnknownKeyError(f"The key in the header {HEADER} is not valid here.")
        return owner


def new_key() -> str:
    """A key that nobody can guess: 256 random bits."""
    return secrets.token_urlsafe(32)


def hash_of(key: str) -> str:
    """What the API keeps of a key."""
    return hashlib.sha256(key.encode()).hexdigest()


def main(arguments: Sequence[str] | None = None) -> None:
    """Make a key and show it once, with what to configure."""
    from rich.console import Console  # the API imports this module too, and shall start fast

    parser = argparse.ArgumentParser(prog="python -m ingest_api.write_keys", description="Makes a write key.")
    parser.add_argument("name", help="whose key it is: shown in logs and metrics")
    name, key = parser.parse_args(arguments).name, new_key()
    console = Console(soft_wrap=True, highlight=False, markup=False)
    console.print(f"Give this to {name}; it is shown once:\n  {HEADER}: {key}")
    console.print(f"And this to the API, beside the keys that it has:\n  {_setting(name, key)}")


def _setting(name: str, key: str) -> str:
    return f"PINTEREST_INGEST_WRITE_KEYS='{json.dumps({name: hash_of(key)})}'"


if __name__ == "__main__":
    main()
