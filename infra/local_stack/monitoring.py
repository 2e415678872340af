"""Finds or fetches the monitoring programs: Debian's Prometheus and PostgreSQL exporter.

apt downloads and verifies the packages, which are unpacked into the cache, not installed. This needs no root, starts
no service and leaves nothing to remove. Without the programs, the stack runs without monitoring and says how to get it.
"""

from __future__ import annotations

import shutil
import subprocess
import tarfile
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from infra.local_stack.apt import Apt, NoPackagesError, record, unpack
from infra.local_stack.settings import LocalStackSettings
from infra.local_stack.terminal import Terminal

PACKAGES = ("prometheus", "prometheus-postgres-exporter")
# What the web pages of Debian's Prometheus load. Without these packages, only its API and plain pages work.
PAGES = (
    *(f"libjs-{name}" for name in ("bootstrap4", "d3", "eonasdan-bootstrap-datetimepicker", "jquery")),
    *(f"libjs-{name}" for name in ("jquery-hotkeys", "moment", "moment-timezone", "mustache", "popper.js", "rickshaw")),
    "fonts-glyphicons-halflings",
)
ADVICE = (
    "The stack runs without monitoring. To add it on Debian or Ubuntu: sudo apt install prometheus "
    "prometheus-postgres-exporter (elsewhere: put `prometheus`, `promtool` and `postgres_exporter` on PATH), "
    "then make stop && make run. To hide this message, set PINTEREST_MONITORING=false."
)
_WANTED = (
    "./usr/bin/",
    "./usr/share/prometheus/web/",
    "./usr/share/javascript/",
    "./usr/share/nodejs/",
    "./usr/share/fonts",
)
_UNWANTED = ("/data/unpacked/", ".map")  # 200 MB of time zones that no page loads


@dataclass(frozen=True)
class Monitoring:
    """The programs, and the folder of Prometheus' web pages if it differs from the built-in one."""

    prometheus: Path
    promtool: Path
    postgres_exporter: Path
    pages: Path | None = None


def find_monitoring(settings: LocalStackSettings) -> Monitoring | None:
    """The programs from the cache or from the system; None if they are missing or monitoring is off."""
    if not settings.monitoring:
        return None
    unpacked = _unpacked(settings)
    if unpacked.exists():
        programs = unpacked / "usr" / "bin"
        pages = unpacked / "usr" / "share" / "prometheus" / "web"
        return Monitoring(
            programs / "prometheus", programs / "promtool", programs / "prometheus-postgres-exporter", pages
        )
    exporter = shutil.which("prometheus-postgres-exporter") or shutil.which("postgres_exporter")
    prometheus, promtool = shutil.which("prometheus"), shutil.which("promtool")
    if not (prometheus and promtool and exporter):
        return None
    return Monitoring(Path(prometheus), Path(promtool), Path(exporter))


def fetch_monitoring(settings: LocalStackSettings, terminal: Terminal) -> None:
    """Fetches the programs into the cache if they are missing. If that fails, warns and says how to get them."""
    if not settings.monitoring or find_monitoring(settings):
        return
    terminal.line("fetching Prometheus and an exporter with apt, about 30 MB, without installing them ...")
    target = _unpacked(settings)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            unpacked = _download_and_unpack(Path(folder))
            unpacked.rename(target)
    except (NoPackagesError, OSError, subprocess.SubprocessError, tarfile.TarError) as error:
        if find_monitoring(settings) is None:  # another checkout may have been quicker
            terminal.warn(f"Prometheus and its exporter could not be fetched ({error}). {ADVICE}")


def _unpacked(settings: LocalStackSettings) -> Path:
    return settings.artifact_cache / "unpacked" / "monitoring"


def _download_and_unpack(folder: Path) -> Path:
    apt = Apt(folder)
    apt.download(*PACKAGES)
    with suppress(NoPackagesError):  # other releases may lack some; the API and the alerts work without
        apt.download(*PAGES)
    unpacked = folder / "unpacked"
    unpacked.mkdir(mode=0o755)
    for package in sorted(folder.glob("*.deb")):
        unpack(package, unpacked, _wanted)
    record(folder, unpacked)
    return unpacked


def _wanted(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    is_wanted = member.name.startswith(_WANTED) and not any(word in member.name for word in _UNWANTED)
    return member if is_wanted else None
