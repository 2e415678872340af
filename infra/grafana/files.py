"""Renders the dashboards as Grafana's JSON."""

from __future__ import annotations

from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from infra.grafana.cassandra_dashboard import cassandra_dashboard
from infra.grafana.pipeline_dashboard import pipeline_dashboard
from infra.grafana.postgres_dashboard import postgres_dashboard

FOLDER = Path(__file__).parent / "dashboards"


def rendered() -> dict[str, str]:
    """The text of each file, by file name."""
    dashboards = [pipeline_dashboard(), cassandra_dashboard(), postgres_dashboard()]
    encoder = JSONEncoder(sort_keys=True, indent=2)
    return {f"{dashboard.uid}.json": encoder.encode(dashboard) + "\n" for dashboard in dashboards}
