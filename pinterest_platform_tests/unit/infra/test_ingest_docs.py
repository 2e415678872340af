from __future__ import annotations

import io
from pathlib import Path

from infra.local_stack.place import make_place
from infra.local_stack.servers.ingest_api import docs_folder, ingest_api, lay_out_docs
from infra.local_stack.settings import LocalStackSettings
from infra.local_stack.setup import fetch_artifacts
from infra.local_stack.terminal import Terminal
from ingest_api.docs_files import FILES


def test_the_api_finds_the_files_of_its_page_where_the_locked_jar_is_laid_out(tmp_path: Path) -> None:
    place = make_place(LocalStackSettings(state_folder=tmp_path))
    fetch_artifacts({"ingest_api": place.lock["ingest_api"]}, place.settings.artifact_cache, Terminal(io.StringIO()))

    for _ in range(2):  # each start does it anew
        lay_out_docs(place, docs_folder(place))

    folder = Path(ingest_api(place).environment["PINTEREST_INGEST_DOCS_FOLDER"])
    assert {file.name for file in folder.iterdir()} == set(FILES)
    assert "swagger-ui" in (folder / "swagger-ui.css").read_text()


def test_a_folder_that_a_person_has_set_is_left_alone(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    place = make_place(LocalStackSettings(state_folder=tmp_path / "state", ingest_docs_folder=own))

    lay_out_docs(place, docs_folder(place))

    assert docs_folder(place) == own
    assert list(own.iterdir()) == []
