"""Renders `docs/*.md` as HTML pages: alerts link to their headings, also where the documents are not at hand."""

from __future__ import annotations

import re
import shutil
from itertools import pairwise
from pathlib import Path
from string import Template

from markdown_it import MarkdownIt
from markdown_it.token import Token

DOCS = Path(__file__).resolve().parents[1] / "docs"
_PAGE = Template("""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>$title</title>
<link rel="icon" href="data:,">
<style>
  :root { color-scheme: dark; font: 15px/1.5 system-ui, sans-serif; background: #111217; color: #ccccdc; }
  body { max-width: 68em; margin: 14px; } a { color: #6e9fff; } img { max-width: 100%; } pre { overflow: auto; }
  td, th { padding: 3px 14px 3px 0; text-align: left; vertical-align: top; } :target { color: #ff9830; }
</style>
$body</html>
""")


def write_docs(folder: Path) -> None:
    """Writes a page for each document, and their pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    for document in sorted(DOCS.glob("*.md")):
        (folder / f"{document.stem}.html").write_text(as_page(document.read_text()))
    shutil.copytree(DOCS / "pictures", folder / "pictures", dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.py"))


def as_page(text: str) -> str:
    """A document in Markdown as an HTML page, with anchors and links between documents like those of GitHub."""
    parser = MarkdownIt("commonmark").enable("table")
    tokens = parser.parse(text)
    for opening, content in pairwise(tokens):
        if opening.type == "heading_open":
            opening.attrSet("id", anchor(content.content))
        for token in content.children or ():
            _lead_to_pages(token)
    title = next((token.content for token in tokens if token.type == "inline"), "")
    return _PAGE.substitute(title=title, body=parser.renderer.render(tokens, parser.options, {}))


def anchor(heading: str) -> str:
    """The name of a heading in an address."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _lead_to_pages(token: Token) -> None:
    target = str(token.attrGet("href") or "")
    if token.type == "link_open" and not target.startswith(("http:", "https:")):
        if target.startswith("../"):
            del token.attrs["href"]  # a file of the repository, which has no page
        else:
            token.attrSet("href", re.sub(r"\.md(#|$)", r".html\1", target))
