"""The documents name only what exists: links, paths, commands, settings, terms, tables, alerts and saved queries."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from infra.docs_pages import anchor
from pinterest_platform.definitions import build_definitions
from pinterest_platform.pins.fields import GREATEST_BYTES
from pinterest_platform.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.glob("*.md"))]
EACH_DOCUMENT = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)

FOLDERS = ("ingest_api", "pinterest_platform", "infra", "pinterest_platform_tests", "benchmarks", "docs")
CODE = ("ingest_api", "pinterest_platform", "infra")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
QUOTED = re.compile(r"`([^`\n]+)`")
BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
PATH = re.compile(rf"(?:{'|'.join(FOLDERS)})/[\w./*-]*")
MODULE = re.compile(r"python -m ((?:ingest_api|infra|benchmarks|pinterest_platform)[\w.]*)")
MAKE = re.compile(r"(?:`|^|&& )make ([a-z][a-z-]*)", re.MULTILINE)
SETTING = re.compile(r"\bPINTEREST_([A-Z0-9_]+)\b")
TABLE = re.compile(r"CREATE (?:OR REPLACE )?(?:TABLE|VIEW)(?: IF NOT EXISTS)? (?:\{keyspace\}\.)?([a-z_]+)")
IN_FILE = re.compile(r"`(\w+)` in `([\w./-]+)`")


def without_blocks(document: Path) -> str:
    return BLOCK.sub("", document.read_text())


def declared_pictures() -> set[Path]:
    """Those that the tour lists, which are taken from a running stack and may not be there yet."""
    return {DOCS / name for name in QUOTED.findall((DOCS / "tour.md").read_text()) if name.endswith(".png")}


@cache
def anchors(document: Path) -> set[str]:
    """Headings as GitHub names them in an address."""
    headings = re.findall(r"^#+ (.+)$", without_blocks(document), re.MULTILINE)
    return {anchor(heading) for heading in headings}


@cache
def code() -> dict[Path, str]:
    """What the program consists of, tests aside."""
    files = (file for folder in CODE for file in (ROOT / folder).rglob("*"))
    return {file: file.read_text() for file in files if file.suffix in {".py", ".sql", ".yaml", ".yml", ".example"}}


@cache
def words_of_the_code() -> set[str]:
    return {word for text in code().values() for word in re.findall(r"\w+", text)}


@EACH_DOCUMENT
def test_every_relative_link_leads_somewhere(document: Path) -> None:
    broken = []
    for link in LINK.findall(without_blocks(document)):
        if link.startswith(("http://", "https://")):
            continue
        name, _, anchor = link.partition("#")
        target = (document.parent / name).resolve() if name else document
        is_there = target.exists() or target in declared_pictures()
        if not is_there or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


@EACH_DOCUMENT
def test_every_path_exists(document: Path) -> None:
    quoted = [name for name in QUOTED.findall(without_blocks(document)) if not re.search("[<…]", name)]
    made_by_users = (ROOT / ".gitignore").read_text().splitlines()
    paths = {name for name in quoted if PATH.fullmatch(name)} - {*made_by_users}
    assert [path for path in sorted(paths) if not any(ROOT.glob(path.rstrip("/")))] == []


@EACH_DOCUMENT
def test_every_module_that_is_run_exists(document: Path) -> None:
    modules = {module.replace(".", "/") for module in MODULE.findall(document.read_text())}
    assert {m for m in modules if not ((ROOT / m / "__main__.py").exists() or (ROOT / f"{m}.py").exists())} == set()


@EACH_DOCUMENT
def test_every_make_command_exists(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(MAKE.findall(document.read_text())) - targets == set()


@EACH_DOCUMENT
def test_every_setting_exists(document: Path) -> None:
    settings = {name.rstrip("_") for name in SETTING.findall(document.read_text())}
    known = words_of_the_code()
    assert {name for name in settings if not {name.lower(), f"PINTEREST_{name}"} & known} == set()


def test_every_name_in_the_glossary_is_in_the_code() -> None:
    rows = [line for line in (DOCS / "glossary.md").read_text().splitlines() if line.startswith("| ")]
    places = [row.rstrip(" |").rpartition(" | ")[2] for row in rows]
    names = {name for place in places for name in QUOTED.findall(place)}

    assert {name for name in names if "/" in name and not (ROOT / name).exists()} == set()
    assert {name for name in names if "/" not in name} - words_of_the_code() == set()
    in_files = [pair for place in places for pair in IN_FILE.findall(place)]
    assert in_files
    assert [pair for pair in in_files if not re.search(rf"\b{pair[0]}\b", (ROOT / pair[1]).read_text())] == []


def test_every_term_has_a_place() -> None:
    rows = [line for line in (DOCS / "glossary.md").read_text().splitlines() if line.startswith("| ")]
    terms = [row for row in rows if not row.startswith("| term |")]

    assert terms
    assert [row for row in terms if not QUOTED.findall(row.rstrip(" |").rpartition(" | ")[2])] == []


def test_the_page_of_stores_has_every_table_and_view() -> None:
    tables = {name for file, text in code().items() if file.suffix == ".py" for name in TABLE.findall(text)}
    described = set(QUOTED.findall((DOCS / "stores.md").read_text()))

    assert tables
    assert tables - described == set()


def test_the_readmes_note_below_its_picture_names_every_asset() -> None:
    _, _, after = (ROOT / "README.md").read_text().partition("(docs/pictures/asset_graph.png)")
    note = after.split("\n## ")[0]
    graph = build_definitions(Settings()).resolve_asset_graph()

    assert {key.to_user_string() for key in graph.get_all_asset_keys()} - set(QUOTED.findall(note)) == set()


def test_the_page_of_monitoring_has_every_alert() -> None:
    rules = (ROOT / "infra" / "prometheus" / "rules").glob("*.yml")
    alerts = {alert for file in rules for alert in re.findall(r"- alert: (\w+)", file.read_text())}

    assert alerts
    assert alerts - set(QUOTED.findall((DOCS / "monitoring.md").read_text())) == set()


def test_every_alert_links_to_a_heading_of_its_own_name_that_says_what_to_do() -> None:
    rules = "".join(file.read_text() for file in (ROOT / "infra" / "prometheus" / "rules").glob("*.yml"))
    links = re.findall(
        r'- alert: (\w+)(?:(?!- alert:).)*?runbook_url: "\{\{ \$externalURL \}\}(\S+)"', rules, re.DOTALL
    )
    text = (DOCS / "operations.md").read_text()

    assert [alert for alert, _ in links] == re.findall(r"- alert: (\w+)", rules)
    for alert, link in links:
        assert link == f"/user/docs/operations.html#{alert.lower()}"
        help_text = text.partition(f"\n### {alert}\n")[2].partition("\n#")[0]
        for part in ("**Meaning.** ", "**Look at** ", "**Do.** "):
            assert part in help_text, alert


def test_the_page_of_operations_has_every_check() -> None:
    graph = build_definitions(Settings()).resolve_asset_graph()
    checks = {key.name for key in graph.asset_check_keys}

    assert checks
    assert checks - set(QUOTED.findall((DOCS / "operations.md").read_text())) == set()


def test_the_page_of_the_ingest_api_has_the_greatest_length_of_every_field() -> None:
    section = (DOCS / "ingest_api.md").read_text().partition("### Greatest lengths")[2].partition("\n## ")[0]
    lengths = {
        name: int(length.replace(",", ""))
        for names, length in re.findall(r"\| (`[^|]+`) \| ([\d,]+) ", section)
        for name in QUOTED.findall(names)
    }

    assert lengths == GREATEST_BYTES


def test_the_page_of_sql_has_every_saved_query() -> None:
    queries = {file.stem for file in (ROOT / "infra" / "presto" / "queries").glob("*.sql")}

    assert queries
    assert queries - set(QUOTED.findall((DOCS / "sql.md").read_text())) == set()
