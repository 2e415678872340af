from __future__ import annotations

import json
from itertools import combinations
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from infra.grafana.files import FOLDER, rendered

FILES = {file.name: file.read_text() for file in sorted(FOLDER.glob("*.json"))}
DASHBOARDS = [pytest.param(json.loads(text), id=name) for name, text in FILES.items()]


def panels(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    return (
        one["x"] < other["x"] + other["w"]
        and other["x"] < one["x"] + one["w"]
        and one["y"] < other["y"] + other["h"]
        and other["y"] < one["y"] + one["h"]
    )


def test_the_files_are_what_the_code_says() -> None:
    assert rendered() == FILES, "run: .venv/bin/python -m infra.grafana"


@pytest.mark.parametrize("dashboard", DASHBOARDS)
def test_grafanas_published_model_reads_a_file_and_writes_the_same(dashboard: dict[str, Any]) -> None:
    register_default_plugins()

    model = Dashboard.from_json(dashboard)

    assert json.loads(JSONEncoder().encode(model)) == dashboard


@pytest.mark.parametrize("dashboard", DASHBOARDS)
def test_every_panel_has_a_place_of_its_own(dashboard: dict[str, Any]) -> None:
    places = {panel["id"]: panel["gridPos"] for panel in dashboard["panels"]}

    assert len(places) == len(dashboard["panels"])
    assert all(place["x"] + place["w"] <= 24 for place in places.values())
    assert [pair for pair in combinations(places, 2) if overlap(places[pair[0]], places[pair[1]])] == []


@pytest.mark.parametrize("dashboard", DASHBOARDS)
def test_every_panel_says_what_it_shows_and_in_which_unit(dashboard: dict[str, Any]) -> None:
    for panel in panels(dashboard):
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["targets"], panel["title"]


@pytest.mark.parametrize("dashboard", DASHBOARDS)
def test_links_lead_to_dagster_wherever_it_is(dashboard: dict[str, Any]) -> None:
    urls = [link["url"] for link in dashboard["links"] if link["type"] == "link"]

    assert urls
    assert all(url.startswith("${dagster:raw}/") for url in urls)
