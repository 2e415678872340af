from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from infra.errors import StackError
from infra.local_stack.artifacts import Artifact
from infra.local_stack.download import Downloader

CONTENT = bytes(range(256)) * 1000
ARTIFACT = Artifact("org.a:a:jar:1.0", len(CONTENT), hashlib.sha256(CONTENT).hexdigest())


@dataclass
class Repository:
    """A server that has one file and can be told to misbehave. `asked` holds the Range of every request."""

    url: str = ""
    content: bytes = CONTENT
    failures: list[int] = field(default_factory=list)
    cut_after: list[int] = field(default_factory=list)
    honours_ranges: bool = True
    asked: list[str | None] = field(default_factory=list)


@pytest.fixture
def repository() -> Iterator[Repository]:
    state = Repository()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers["Range"]
            state.asked.append(wanted)
            if state.failures:
                return self.send_error(state.failures.pop(0))
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and state.honours_ranges else 0
            body = state.content[start:]
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: state.cut_after.pop(0)] if state.cut_after else body)
            return None

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}"
    yield state
    server.shutdown()
    thread.join()
    server.server_close()


def fetch(repository: Repository, cache: Path, artifact: Artifact = ARTIFACT) -> int:
    counts: list[int] = []
    Downloader(cache, counts.append, base_url=repository.url, pause_seconds=0).fetch_all([artifact])
    return sum(counts)


def leave_part(cache: Path, content: bytes) -> None:
    part = cache / f"{ARTIFACT.path}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(content)


def test_a_download_lies_in_the_cache_and_its_bytes_are_counted_once(repository: Repository, tmp_path: Path) -> None:
    assert fetch(repository, tmp_path) == len(CONTENT)
    assert (tmp_path / ARTIFACT.path).read_bytes() == CONTENT


def test_what_is_there_is_not_asked_for_again(repository: Repository, tmp_path: Path) -> None:
    fetch(repository, tmp_path)
    fetch(repository, tmp_path)

    assert len(repository.asked) == 1


def test_an_interrupted_download_continues_where_it_stopped(repository: Repository, tmp_path: Path) -> None:
    leave_part(tmp_path, CONTENT[:1000])

    assert fetch(repository, tmp_path) == len(CONTENT)
    assert repository.asked == ["bytes=1000-"]
    assert (tmp_path / ARTIFACT.path).read_bytes() == CONTENT


def test_a_server_without_ranges_makes_it_start_over(repository: Repository, tmp_path: Path) -> None:
    repository.honours_ranges = False
    leave_part(tmp_path, CONTENT[:1000])

    fetch(repository, tmp_path)

    assert (tmp_path / ARTIFACT.path).read_bytes() == CONTENT


def test_a_damaged_part_is_thrown_away_and_fetched_afresh(repository: Repository, tmp_path: Path) -> None:
    leave_part(tmp_path, b"x" * 1000)

    assert fetch(repository, tmp_path) == len(CONTENT)
    assert (tmp_path / ARTIFACT.path).read_bytes() == CONTENT


def test_a_connection_that_breaks_is_tried_again_from_there(repository: Repository, tmp_path: Path) -> None:
    repository.cut_after = [5000]

    assert fetch(repository, tmp_path) == len(CONTENT)
    assert repository.asked == [None, "bytes=5000-"]


def test_a_server_that_is_briefly_unwell_is_asked_again(repository: Repository, tmp_path: Path) -> None:
    repository.failures = [503, 429]

    fetch(repository, tmp_path)

    assert (tmp_path / ARTIFACT.path).read_bytes() == CONTENT


def test_a_wrong_checksum_is_an_error_and_nothing_of_it_is_kept(repository: Repository, tmp_path: Path) -> None:
    repository.content = CONTENT[:-1] + b"!"

    with pytest.raises(StackError, match=f"the lock says {ARTIFACT.sha256}"):
        fetch(repository, tmp_path)

    assert not list((tmp_path / ARTIFACT.path).parent.iterdir())


def test_a_missing_artifact_is_an_error_at_once(repository: Repository, tmp_path: Path) -> None:
    repository.failures = [404]

    with pytest.raises(StackError, match="Cannot download"):
        fetch(repository, tmp_path)

    assert len(repository.asked) == 1
