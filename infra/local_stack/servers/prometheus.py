"""Prometheus: scrapes every server, evaluates the alert rules, serves the dashboards and the documentation.

Its configuration and rules are in `infra/prometheus`, the page and the dashboards in `infra/grafana`. Alerts link to
the documentation.
"""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import httpx

from infra.docs_pages import write_docs
from infra.local_stack.artifacts import INFRA
from infra.local_stack.monitoring import Monitoring
from infra.local_stack.place import LOOPBACK, Place
from infra.local_stack.server import Server

NAME = "prometheus"
KEPT = ("--storage.tsdb.retention.time=15d", "--storage.tsdb.retention.size=1GB")
CHART_FILES = ("uPlot.iife.min.js", "uPlot.min.css")
_GRAFANA = INFRA / "grafana"


def prometheus(place: Place, programs: Monitoring) -> Server:
    """The server. Its data is in `<state>/prometheus/data`."""
    port = place.settings.prometheus_port
    address = f"http://{LOOPBACK}:{port}"
    folder = place.state / NAME
    alertmanagers = (f"{LOOPBACK}:{place.settings.alertmanager_port}",) if programs.alertmanager else ()
    pages = (f"--web.local-assets={programs.pages}/",) if programs.pages else ()
    return Server(
        name=NAME,
        address=address,
        ports={"prometheus_port": port},
        command=(
            str(programs.prometheus),
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            *KEPT,
            f"--web.listen-address={LOOPBACK}:{port}",
            f"--web.external-url={address}",  # in the links of alerts
            f"--web.user-assets={folder / 'page'}",
            *pages,
        ),
        folder=folder,
        configure=lambda: write_configuration(place, alertmanagers),
        check=lambda: _check(port),
        memory_mib=90,
        start_seconds=30,
        is_needed=False,
    )


def write_configuration(place: Place, alertmanagers: Sequence[str] = ()) -> None:
    """Writes the scrape configuration and the page to `<state>/prometheus`. Alerts go to `alertmanagers`, host:port."""
    folder, settings = place.state / NAME, place.settings
    ports = {name: value for name, value in settings.model_dump().items() if name.endswith(("_port", "_host"))}
    seconds = settings.prometheus_scrape_seconds
    values = {
        **ports,
        "rules": INFRA / NAME / "rules",
        "seconds": seconds,
        "timeout": min(seconds, 10),
        "alertmanagers": json.dumps(alertmanagers),
    }
    place.render(f"{NAME}/prometheus.yml", folder / "prometheus.yml", values)
    lay_out_page(place, folder / "page")


def lay_out_page(place: Place, page: Path) -> None:
    """Lays page, dashboards, chart library and documentation into one folder, which Prometheus serves."""
    shutil.rmtree(page, ignore_errors=True)
    shutil.copytree(_GRAFANA / "page", page)
    shutil.copytree(_GRAFANA / "dashboards", page / "dashboards")
    names = sorted(file.stem for file in (page / "dashboards").glob("*.json"))
    (page / "dashboards" / "index.json").write_text(json.dumps(names))
    (artifact,) = place.lock["grafana"]
    with zipfile.ZipFile(place.settings.artifact_cache / artifact.path) as jar:
        for name in jar.namelist():
            if (file := PurePosixPath(name).name) in CHART_FILES:
                (page / file).write_bytes(jar.read(name))
    write_docs(page / "docs")


def _check(port: int) -> None:
    with httpx.Client(trust_env=False, timeout=5) as client:
        client.get(f"http://{LOOPBACK}:{port}/-/ready").raise_for_status()
