"""The ingest API (`python -m ingest_api`) and the Swagger UI files of its documentation page."""

from __future__ import annotations

import shutil
import sys
import zipfile
from pathlib import Path, PurePosixPath

import httpx

from infra.local_stack.environment import python_environment
from infra.local_stack.place import Place
from infra.local_stack.server import Server
from ingest_api.docs_files import FILES

NAME = "ingest-api"


def ingest_api(place: Place) -> Server:
    """The server. It is healthy once it can reach Kafka."""
    settings = place.settings
    address = f"http://{settings.ingest_host}:{settings.ingest_port}"
    return Server(
        name=NAME,
        address=address,
        ports={"ingest_port": settings.ingest_port},
        command=(sys.executable, "-m", "ingest_api"),
        folder=place.state,
        configure=lambda: lay_out_docs(place, docs_folder(place)),
        check=lambda: _check(address),
        depends_on=("kafka",),
        environment={**python_environment(place), "PINTEREST_INGEST_DOCS_FOLDER": str(docs_folder(place))},
        memory_mib=120,
    )


def docs_folder(place: Place) -> Path:
    """The folder with the files of the documentation page."""
    return place.settings.ingest_docs_folder or place.state / NAME / "docs"


def lay_out_docs(place: Place, folder: Path) -> None:
    """Unpacks the needed files of Swagger UI from its locked jar; leaves a folder from the settings alone."""
    if place.settings.ingest_docs_folder:
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (artifact,) = place.lock["ingest_api"]
    with zipfile.ZipFile(place.settings.artifact_cache / artifact.path) as jar:
        for name in jar.namelist():
            if (file := PurePosixPath(name).name) in FILES:
                (folder / file).write_bytes(jar.read(name))


def _check(address: str) -> None:
    with httpx.Client(trust_env=False, timeout=5) as client:
        client.get(f"{address}/health/ready").raise_for_status()
