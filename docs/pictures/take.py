"""Take the documentation's pictures from a running stack: `make pictures`, with Debian's chromium."""

from __future__ import annotations

import html
import os
import subprocess
import sys
from pathlib import Path

from browser import open_page
from playwright.sync_api import Page

from infra.dagster_client import dagster_url
from infra.local_stack.settings import LocalStackSettings
from pinterest_platform.pins.calendar import today

HERE = Path(__file__).parent
PAGES = {
    "asset_graph": "/asset-groups",
    "runs": "/runs",
    "schedule": "/locations/pinterest_platform/schedules/daily_batch_at_ten",
    "clean_pins": f"/assets/clean_pins?view=partitions&partition={today()}",
    "stream": "/assets/pinterest_stream?view=events",
    "category_popularity": f"/assets/category_popularity?view=partitions&partition={today()}",
    "stream_runs": "/locations/pinterest_platform/jobs/streaming/runs",
}
COMMANDS = {
    "make_run": ("make run", ["run"]),
    "saved_query": ("make sql Q=most_popular_category_of_the_day", ["sql", "most_popular_category_of_the_day"]),
}
TERMINAL = """<body style="margin:0;background:#16161e;color:#d5d8e6"><pre style="margin:0;padding:24px;
    font:15px/1.45 'DejaVu Sans Mono',monospace">{}</pre></body>"""
DASHBOARDS = ("pipeline", "cassandra", "postgresql")
MINUTES = 10
SLOWEST_BOX_MS = 120_000  # every box of the graph asks for its own state


def take(page: Page, name: str, url: str) -> None:
    """One page, once it has settled."""
    page.set_viewport_size({"width": 1600, "height": 900})
    page.goto(url)
    page.wait_for_timeout(6_000)
    if page.get_by_role("button", name="Hide").count():
        page.get_by_role("button", name="Hide").first.click()
    if name == "asset_graph":
        page.set_viewport_size({"width": 2600, "height": 1700})
        for group in ("stream", "metrics", "batch", "ingest"):
            page.locator("foreignObject").get_by_text(group, exact=True).first.dispatch_event("click")
            page.wait_for_timeout(2_000)
        page.reload()  # which fits the graph into the window
        page.wait_for_timeout(6_000)
        page.wait_for_function("!document.body.innerText.includes('Loading')", timeout=SLOWEST_BOX_MS)
    page.screenshot(path=HERE / f"{name}.png")


def take_command(page: Page, name: str, typed: str, arguments: list[str]) -> None:
    """What a command says, as a terminal would show it."""
    environment = os.environ | {"COLUMNS": "140"}
    command = [sys.executable, "-m", "infra.command_line", *arguments]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    page.set_viewport_size({"width": 1300, "height": 900})
    page.set_content(TERMINAL.format(html.escape(f"$ {typed}\n{said}")))
    page.locator("pre").screenshot(path=HERE / f"{name}.png")


def take_plots(page: Page, asset: str, url: str) -> None:
    """The curves of an asset's figures, which are below its columns."""
    page.set_viewport_size({"width": 1600, "height": 4000})
    page.goto(url)
    page.get_by_text("Plots", exact=True).click()
    page.wait_for_timeout(6_000)
    box = page.get_by_text("Metadata", exact=True).bounding_box()
    if box is None:
        raise SystemExit(f"{asset} has no metadata: materialise it first.")
    page.screenshot(path=HERE / f"{asset}_plots.png", clip={"x": 230, "y": box["y"], "width": 950, "height": 1_850})


def take_dashboards(page: Page, settings: LocalStackSettings) -> None:
    """Each as long as it is, from the page that Prometheus serves."""
    page.set_viewport_size({"width": 1700, "height": 1000})
    for name in DASHBOARDS:
        page.goto(f"http://127.0.0.1:{settings.prometheus_port}/user/?d={name}&minutes={MINUTES}")
        page.wait_for_selector("body[data-drawn]")
        page.screenshot(path=HERE / f"dashboard_{name}.png", full_page=True)


def main() -> None:
    """Every page."""
    settings = LocalStackSettings()
    with open_page() as page:
        dagster = dagster_url(settings)
        for name, path in PAGES.items():
            take(page, name, f"{dagster}{path}")
        take(page, "ingest_api_docs", f"http://{settings.ingest_host}:{settings.ingest_port}/docs")
        take_plots(page, "pinterest_stream", f"{dagster}/assets/pinterest_stream?view=overview")
        take_dashboards(page, settings)
        for name, (typed, arguments) in COMMANDS.items():
            take_command(page, name, typed, arguments)


if __name__ == "__main__":
    main()
