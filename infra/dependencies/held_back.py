"""Which versions are held back on purpose, with reasons: `held_back.toml`, which `renovate.json` repeats."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

FILE = Path(__file__).with_name("held_back.toml")


@dataclass(frozen=True)
class HeldBack:
    """`names` are patterns. Versions from `below` on are unwanted; without it, all newer ones."""

    names: tuple[str, ...]
    reason: str
    below: str | None = None

    def holds(self, name: str, version: str) -> bool:
        """Whether this version of the package is not wanted."""
        is_named = any(fnmatchcase(name, pattern) for pattern in self.names)
        return is_named and (self.below is None or in_order(version) >= in_order(self.below))


def read_held_back(file: Path = FILE) -> list[HeldBack]:
    """The entries of the file, in its order."""
    entries = tomllib.loads(file.read_text())["held_back"]
    return [HeldBack(tuple(entry["names"]), entry["reason"], entry.get("below")) for entry in entries]


def reason_for(entries: Iterable[HeldBack], name: str, version: str) -> str | None:
    """Why the package does not go to this version; None if nothing holds it."""
    return next((entry.reason for entry in entries if entry.holds(name, version)), None)


def in_order(version: str) -> tuple[int, ...]:
    """The version's numbers, by which releases are ordered; zeros at the end count as absent: 3 is 3.0."""
    numbers = [int(number) for number in re.findall(r"\d+", version)]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
