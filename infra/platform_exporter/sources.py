"""The sources side by side: one that is away takes nothing from the others.

Belongs here: asking each and saying which answered. Does not belong here: what a source shows.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


class Sources(Collector):
    """A collector of Prometheus' client: asked at each scrape, one scrape at a time."""

    def __init__(self, sources: Mapping[str, Callable[[], Iterable[Metric]]]) -> None:
        self._sources = sources
        self._one_at_a_time = threading.Lock()

    def collect(self) -> Iterator[Metric]:
        """What every source that answers shows, and which do."""
        up = GaugeMetricFamily("platform_source_up", "1 where the source answered this scrape.", labels=["source"])
        with self._one_at_a_time:
            for name, source in self._sources.items():
                try:
                    found = list(source())
                except Exception as error:  # whatever a client library raises: it is away, and the others are not
                    sys.stderr.write(f"{name} does not answer: {type(error).__name__}: {error}\n")
                    found = None
                up.add_metric([name], float(found is not None))
                yield from found or ()
        yield up
