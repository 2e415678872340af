from __future__ import annotations

from pathlib import Path

from infra.docs_pages import as_page, write_docs


def test_a_heading_has_the_anchor_that_links_use() -> None:
    page = as_page("# Operations\n\n## A run failed\n\nSee [it](#a-run-failed).\n")

    assert '<h2 id="a-run-failed">' in page
    assert 'href="#a-run-failed"' in page
    assert "<title>Operations</title>" in page


def test_links_lead_to_the_pages_of_other_documents() -> None:
    page = as_page("# Links\n\n[a](sql.md) [b](sql.md#saved-queries) [c](https://example.org/x.md) [d](../README.md)\n")

    assert 'href="sql.html"' in page
    assert 'href="sql.html#saved-queries"' in page
    assert 'href="https://example.org/x.md"' in page
    assert "README" not in page


def test_text_with_markup_and_dollars_stays_text() -> None:
    assert "<p>&lt;script&gt; $title</p>" in as_page("\\<script> $title\n")


def test_every_document_has_its_page_and_the_pictures_lie_beside_it(tmp_path: Path) -> None:
    write_docs(tmp_path / "docs")

    assert (tmp_path / "docs" / "operations.html").exists()
    assert list((tmp_path / "docs" / "pictures").glob("*.png"))
