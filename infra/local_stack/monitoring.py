"""Finds or fetches the monitoring programs: Debian's Prometheus, PostgreSQL exporter and Alertmanager.

Without Prometheus and the exporter, the stack runs without monitoring. Without Alertmanager, it monitors and tells
nobody. Either way it says how to get them.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from infra.local_stack import alertmanager_package
from infra.local_stack.alertmanager_package import Alertmanager, find_alertmanager
from infra.local_stack.apt import NoPackagesError
from infra.local_stack.debian_packages import Packages, fetch_packages
from infra.local_stack.settings import LocalStackSettings
from infra.local_stack.terminal import Terminal

PACKAGES = Packages(
    names=("prometheus", "prometheus-postgres-exporter"),
    wanted=(
        "./usr/bin/",
        "./usr/share/prometheus/web/",
        "./usr/share/javascript/",
        "./usr/share/nodejs/",
        "./usr/share/fonts",
    ),
    unwanted=("/data/unpacked/", ".map"),  # 200 MB of time zones that no page loads
    # What the web pages of Debian's Prometheus load. Without these packages, only its API and plain pages work.
    extras=(
        *(f"libjs-{name}" for name in ("bootstrap4", "d3", "eonasdan-bootstrap-datetimepicker", "jquery")),
        *(f"libjs-{name}" for name in ("jquery-hotkeys", "moment", "moment-timezone", "mustache", "popper.js")),
        "libjs-rickshaw",
        "fonts-glyphicons-halflings",
    ),
)
ADVICE = (
    "The stack runs without monitoring. To add it on Debian or Ubuntu: sudo apt install prometheus "
    "prometheus-postgres-exporter prometheus-alertmanager (elsewhere: put `prometheus`, `promtool`, "
    "`postgres_exporter` and `alertmanager` on PATH), then make stop && make run. To hide this message, set "
    "PINTEREST_MONITORING=false."
)


@dataclass(frozen=True)
class Monitoring:
    """The programs, and the folder of Prometheus' web pages if it differs from the built-in one."""

    prometheus: Path
    promtool: Path
    postgres_exporter: Path
    pages: Path | None = None
    alertmanager: Alertmanager | None = None


def find_monitoring(settings: LocalStackSettings) -> Monitoring | None:
    """The programs from the cache or from the system; None if they are missing or monitoring is off."""
    if not settings.monitoring:
        return None
    alertmanager = find_alertmanager(_unpacked(settings, "alertmanager"))
    unpacked = _unpacked(settings, "monitoring")
    if unpacked.exists():
        programs = unpacked / "usr" / "bin"
        names = ("prometheus", "promtool", "prometheus-postgres-exporter")
        prometheus, promtool, exporter = (programs / name for name in names)
        pages = unpacked / "usr" / "share" / "prometheus" / "web"
        return Monitoring(prometheus, promtool, exporter, pages, alertmanager)
    found = shutil.which("prometheus-postgres-exporter") or shutil.which("postgres_exporter")
    system = [shutil.which("prometheus"), shutil.which("promtool"), found]
    if not all(system):
        return None
    prometheus, promtool, exporter = (Path(str(program)) for program in system)
    return Monitoring(prometheus, promtool, exporter, None, alertmanager)


def fetch_monitoring(settings: LocalStackSettings, terminal: Terminal) -> None:
    """Fetches the missing programs into the cache. If that fails, warns and says how to get them."""
    if not settings.monitoring:
        return
    if find_monitoring(settings) is None:
        terminal.line("fetching Prometheus and an exporter with apt, about 30 MB, without installing them ...")
        error = _failure(PACKAGES, _unpacked(settings, "monitoring"))
        if error and find_monitoring(settings) is None:  # another checkout may have been quicker
            terminal.warn(f"Prometheus and its exporter could not be fetched ({error}). {ADVICE}")
            return
    _fetch_alertmanager(_unpacked(settings, "alertmanager"), terminal)


def _fetch_alertmanager(unpacked: Path, terminal: Terminal) -> None:
    """A folder of its own: caches that were filled before there was an Alertmanager have only the other one."""
    if find_alertmanager(unpacked):
        return
    terminal.line("fetching Alertmanager with apt, about 11 MB, without installing it ...")
    error = _failure(alertmanager_package.PACKAGES, unpacked)
    if error and find_alertmanager(unpacked) is None:
        terminal.warn(f"Alertmanager could not be fetched ({error}). {alertmanager_package.ADVICE}")


def _failure(packages: Packages, target: Path) -> NoPackagesError | None:
    try:
        fetch_packages(packages, target)
    except NoPackagesError as error:
        return error
    return None


def _unpacked(settings: LocalStackSettings, name: str) -> Path:
    return settings.artifact_cache / "unpacked" / name
