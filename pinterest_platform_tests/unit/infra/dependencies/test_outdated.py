from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
from rich.console import Console

from infra.dependencies.held_back import HeldBack
from infra.dependencies.outdated import Outdated, as_table, newest_of, with_reasons
from infra.dependencies.poms import finished_releases

VERSIONS = """<metadata><versioning><release>6.0-alpha2</release><versions>{}</versions></versioning></metadata>"""


@contextmanager
def repository(folder: Path) -> Iterator[str]:
    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(folder))  # type: ignore[arg-type]

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def publish(folder: Path, path: str, *versions: str) -> None:
    (folder / path).mkdir(parents=True)
    text = VERSIONS.format("".join(f"<version>{version}</version>" for version in versions))
    (folder / path / "maven-metadata.xml").write_text(text)


def test_releases_are_finished_and_in_order(tmp_path: Path) -> None:
    publish(tmp_path, "org/a/a_2.12", "5.0.9", "5.0.10", "5.0.8", "6.0-alpha2", "6.0.0-RC1", "6.0.0-M2")

    with repository(tmp_path) as address:
        found = finished_releases(["org.a:a_2.12", "org.b:b"], address)

    assert found["org.a:a_2.12"] == ["5.0.8", "5.0.9", "5.0.10"]
    assert isinstance(found["org.b:b"], httpx.HTTPStatusError)


def test_a_row_says_why_a_package_is_held_back() -> None:
    found = [Outdated("python", "pandas", "2.3", "3.1"), Outdated("python", "httpx", "0.28", "0.29")]
    rows = list(with_reasons(found, [HeldBack(("pandas",), "It fails with 3.", "3")]))
    written = io.StringIO()

    Console(file=written, width=200).print(as_table(rows))

    assert [row.reason for row in rows] == ["It fails with 3.", None]
    assert "It fails with 3." in written.getvalue()


def test_a_release_that_is_wanted_is_not_hidden_by_one_that_is_held_back() -> None:
    held_back = [HeldBack(("postgres",), "16 cannot open data of 15.", "16")]

    assert newest_of("postgres", "15.19", ["15.18", "15.19", "15.20", "18.6"], held_back) == ["15.20", "18.6"]
    assert newest_of("postgres", "15.20", ["15.18", "15.19", "15.20", "18.6"], held_back) == ["18.6"]
    assert newest_of("kafka", "4.4.0", ["4.3.0", "4.4.0"], held_back) == []
