"""The page for trying out the API, and that a browser showing it contacts no other host."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest_api.application import create_app
from ingest_api.docs_files import FILES
from ingest_api.metrics import IngestMetrics
from pinterest_platform.settings import Settings
from pinterest_platform_tests.support.memory_publisher import MemoryPublisher
from pinterest_platform_tests.unit.ingest_api.conftest import ApiClient, running

REFERENCE = re.compile(r"""(?:src|href)="([^"]*)\"""")


@pytest.fixture
def with_files(tmp_path: Path) -> Iterator[ApiClient]:
    """The API with a folder that has Swagger UI's files, their content shortened."""
    for name in FILES:
        (tmp_path / name).write_bytes(f"content of {name}".encode())
    settings = Settings(ingest_docs_folder=tmp_path)
    with running(create_app(settings, MemoryPublisher(), IngestMetrics())) as client:
        yield client


def test_the_page_refers_to_this_api_only_and_everything_it_refers_to_is_there(with_files: ApiClient) -> None:
    page = with_files.get("/docs")

    references = REFERENCE.findall(page.text)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert len(references) == 4
    assert all(reference.startswith("/docs/") for reference in references)
    assert [with_files.get(reference).status_code for reference in references] == [200] * 4
    assert "http" not in page.text + with_files.get("/docs/start.js").text


@pytest.mark.parametrize(("name", "media_type"), FILES.items())
def test_a_file_has_its_bytes_and_its_type(with_files: ApiClient, name: str, media_type: str) -> None:
    answer = with_files.get(f"/docs/{name}")

    assert answer.text == f"content of {name}"
    assert answer.headers["content-type"].startswith(media_type)


@pytest.mark.parametrize("path", ["/docs", "/docs/start.js", "/docs/swagger-ui.css"])
def test_the_policy_names_no_other_host(with_files: ApiClient, path: str) -> None:
    policy = with_files.get(path).headers["content-security-policy"]

    sources = {source for directive in policy.split("; ") for source in directive.split()[1:]}
    assert policy.startswith("default-src 'none'")
    assert sources <= {"'none'", "'self'", "data:"}


@pytest.mark.parametrize("path", ["/docs/../secrets.json", "/docs/%2e%2e/secrets.json", "/docs/index.html", "/redoc"])
def test_nothing_else_is_served(with_files: ApiClient, path: str) -> None:
    assert with_files.get(path).status_code == 404


def test_without_the_files_the_page_says_where_the_schema_is(client: ApiClient) -> None:
    page = client.get("/docs")

    assert page.status_code == 200
    assert REFERENCE.findall(page.text) == ["/openapi.json"]
    assert "<script" not in page.text
    assert client.get("/openapi.json").status_code == 200
