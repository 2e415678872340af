"""`python -m infra.platform_exporter`: serves the metrics on 127.0.0.1 until SIGTERM or Ctrl-C."""

from __future__ import annotations

import signal
import sys

from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server
from prometheus_client.core import InfoMetricFamily, Metric

from infra.dagster_client import DagsterClient, dagster_url
from infra.local_stack.settings import LocalStackSettings
from infra.platform_exporter.dagster_figures import DagsterFigures
from infra.platform_exporter.disk_figures import DiskFigures
from infra.platform_exporter.lag_figures import LagFigures
from infra.platform_exporter.sources import Sources
from infra.platform_exporter.stream_figures import StreamFigures

_DAGSTER_SECONDS = 8.0  # Prometheus waits ten


def main() -> int:
    """Serves the metrics until SIGTERM or Ctrl-C."""
    settings = LocalStackSettings()
    registry = CollectorRegistry(auto_describe=False)
    registry.register(sources_of(settings))
    ProcessCollector(registry=registry)
    signals = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    start_http_server(settings.platform_exporter_port, addr="127.0.0.1", registry=registry)
    signal.sigwait(signals)
    return 0


def sources_of(settings: LocalStackSettings) -> Sources:
    """All sources, by their `source` label in `platform_source_up`."""
    dagster = DagsterClient(dagster_url(settings), _DAGSTER_SECONDS)
    return Sources(
        {
            "dagster": DagsterFigures(dagster.ask).collect,
            "stream": StreamFigures(settings).collect,
            "lag": LagFigures(settings).collect,
            "disk": DiskFigures(settings).collect,
            "platform": lambda: [_addresses(settings)],
        }
    )


def _addresses(settings: LocalStackSettings) -> Metric:
    """Dagster's address, for the links in the dashboards."""
    labels = {"dagster_url": dagster_url(settings)}
    return InfoMetricFamily("platform", "Where the platform's own pages are.", labels)


if __name__ == "__main__":
    sys.exit(main())
