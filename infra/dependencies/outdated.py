"""`make outdated`: what has a newer version, and why some of it is held back.

Python packages are asked through uv, artifacts through Maven's metadata, Debian's packages through apt, each as it is
configured on this machine. What could not be asked is said.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.table import Table

from infra.dependencies.held_back import HeldBack, in_order, read_held_back, reason_for
from infra.dependencies.poms import finished_releases, wanted_artifacts
from infra.local_stack.apt import Apt, NoPackagesError
from infra.local_stack.artifacts import INFRA
from infra.local_stack.java_home import PACKAGE, WHEEL, find_java, java_version
from infra.local_stack.settings import LocalStackSettings
from infra.local_stack.terminal import Terminal

ROOT = INFRA.parent
_SECONDS = 300
_LIMITED = "pyproject.toml, or a package that needs it, allows no newer one."
_UPDATE = re.compile(r"^Update (\S+) v\S+ -> v(\S+)", re.MULTILINE)


@dataclass(frozen=True)
class Outdated:
    """A package with a newer version. `reason` is why it is held back; None if it may be raised."""

    kind: str
    name: str
    version: str
    newest: str
    reason: str | None = None


def show_outdated(settings: LocalStackSettings, terminal: Terminal) -> None:
    """Prints one table, those that may be raised first, and what could not be asked."""
    unasked: list[str] = []
    held_back = read_held_back()
    found = [*_python(unasked), *_maven(held_back, unasked), *_debian(settings, unasked)]
    rows = sorted(with_reasons(found, held_back), key=lambda row: (row.reason is not None, row.kind, row.name))
    terminal.table(as_table(rows))
    held = sum(row.reason is not None for row in rows)
    terminal.line(f"{len(rows) - held} may be raised, {held} are held back (infra/dependencies/held_back.toml).")
    for sentence in unasked:
        terminal.warn(sentence)


def with_reasons(found: Iterable[Outdated], entries: Sequence[HeldBack]) -> Iterator[Outdated]:
    """Adds why each is held back."""
    for each in found:
        yield replace(each, reason=reason_for(entries, each.name, each.newest) or each.reason)


def as_table(rows: Sequence[Outdated]) -> Table:
    """One row a package."""
    table = Table("kind", "package", "version", "newest", "held back because")
    for row in rows:
        table.add_row(row.kind, row.name, row.version, row.newest, row.reason or "")
    return table


def _python(unasked: list[str]) -> list[Outdated]:
    try:
        listed = json.loads(_uv("pip", "list", "--outdated", "--format=json", f"--python={sys.executable}").stdout)
        resolvable = dict(_UPDATE.findall(_uv("lock", "--upgrade", "--dry-run").stderr))
    except (OSError, subprocess.SubprocessError) as error:
        said = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
        unasked.append(f"Python packages could not be asked about: {said[-1] if said else error}")
        return []
    found = (Outdated("python", row["name"], row["version"], row["latest_version"]) for row in listed)
    return [row for each in found if each.name in _locked() for row in _limited(each, resolvable)]


def _uv(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("uv")), *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=_SECONDS)


def _locked() -> set[str]:
    return {package["name"] for package in tomllib.loads((ROOT / "uv.lock").read_text())["package"]}


def _limited(each: Outdated, resolvable: Mapping[str, str]) -> list[Outdated]:
    """Of what pyproject.toml does not name, only what uv would choose can be raised; uv may choose an older one."""
    chosen = resolvable.get(each.name, each.newest)
    if chosen != each.newest:
        return [replace(each, newest=chosen), replace(each, reason=_LIMITED)]
    is_named = re.search(rf'"{re.escape(each.name)}\b(?!-)', (ROOT / "pyproject.toml").read_text())
    return [each if is_named or each.name in resolvable else replace(each, reason=_LIMITED)]


def _maven(held_back: Sequence[HeldBack], unasked: list[str]) -> Iterator[Outdated]:
    wanted = wanted_artifacts()
    releases = finished_releases(each.name for each in wanted)
    for each in wanted:
        found = releases[each.name]
        if isinstance(found, Exception):
            unasked.append(f"{each.name} of {each.server} could not be asked about: {found}")
            continue
        for version in newest_of(each.name, each.version, found, held_back):
            yield Outdated("maven", each.name, each.version, version)


def newest_of(name: str, version: str, releases: Sequence[str], held_back: Sequence[HeldBack]) -> list[str]:
    """The newest release after `version`, and before it the newest that is not held back, if that is another."""
    newer = [release for release in releases if in_order(release) > in_order(version)]
    wanted = [release for release in newer if reason_for(held_back, name, release) is None]
    return sorted({*newer[-1:], *wanted[-1:]}, key=in_order)


def _debian(settings: LocalStackSettings, unasked: list[str]) -> Iterator[Outdated]:
    home = find_java(settings)
    if settings.java_home != WHEEL:
        unasked.append(f"Java is {settings.java_home}, as PINTEREST_JAVA_HOME says: look after it yourself.")
        return
    try:
        with tempfile.TemporaryDirectory() as folder:
            apt = Apt(Path(folder))
            apt.update()
            newest = apt.file_name(PACKAGE).split("_")[1]
        version = java_version(home)
    except (NoPackagesError, OSError, subprocess.SubprocessError) as error:
        unasked.append(f"Debian's Java could not be asked about: {error}. In use is {home}.")
        return
    if in_order(newest.partition("+")[0]) > in_order(version):
        yield Outdated("debian", PACKAGE, version, newest)
