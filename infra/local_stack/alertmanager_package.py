"""Debian's Alertmanager: where it is, which files it needs, and what has to be changed in it."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from infra.local_stack.debian_packages import Packages

DEBIANS_NAME = "prometheus-alertmanager"
ADVICE = (
    "Alerts still show in make status and on Prometheus' page, but nobody is told of them. To add Alertmanager on "
    f"Debian or Ubuntu: sudo apt install {DEBIANS_NAME} (elsewhere: put `alertmanager` on PATH), "
    "then make stop && make run."
)
_TEMPLATES = Path("usr/share/prometheus/alertmanager")
# Debian's build has this path compiled in, and no option for it. Its NEWS says that the option was removed in 0.24.
_COMPILED_IN = re.compile(b"/" + str(_TEMPLATES).encode() + b"(?!/)")


@dataclass(frozen=True)
class Alertmanager:
    """The programs, and the folder that Alertmanager has to be started in, if any, to find its templates."""

    program: Path
    amtool: Path | None
    templates: Path | None = None

    @property
    def has_a_page(self) -> bool:
        """Whether it brings its own web page. Debian has no Elm compiler, which that page needs."""
        return self.program.name != DEBIANS_NAME


def find_alertmanager(unpacked: Path) -> Alertmanager | None:
    """Alertmanager from this folder of the cache, or from the system; None if it is missing."""
    if unpacked.exists():
        programs = unpacked / "usr" / "bin"
        return Alertmanager(programs / DEBIANS_NAME, programs / "amtool", unpacked / _TEMPLATES)
    program = shutil.which(DEBIANS_NAME) or shutil.which("alertmanager")
    amtool = shutil.which("amtool")
    return Alertmanager(Path(program), Path(amtool) if amtool else None) if program else None


def look_in_the_working_folder(unpacked: Path) -> None:
    """Makes the unpacked program look for its templates where it is started, since nothing is installed in /usr."""
    program = unpacked / "usr" / "bin" / DEBIANS_NAME
    content = program.read_bytes()
    program.write_bytes(_COMPILED_IN.sub(lambda found: b"./" * (len(found[0]) // 2), content))


PACKAGES = Packages((DEBIANS_NAME,), ("./usr/bin/", f"./{_TEMPLATES}/"), adapt=look_in_the_working_folder)
