"""Collects from all sources: one that is unavailable does not affect the others."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


class Sources(Collector):
    """A collector for Prometheus' client. Scrapes run one at a time."""

    def __init__(self, sources: Mapping[str, Callable[[], Iterable[Metric]]]) -> None:
        self._sources = sources
        self._one_at_a_time = threading.Lock()

    def collect(self) -> Iterator[Metric]:
        """The metrics of every source that answers, and `platform_source_up` for all."""
        up = GaugeMetricFamily("platform_source_up", "1 if the source answered this scrape.", labels=["source"])
        # At the same time: what one waits for must not make Prometheus give up on all.
        with self._one_at_a_time, ThreadPoolExecutor(len(self._sources)) as askers:
            for name, found in zip(self._sources, askers.map(self._ask, self._sources), strict=True):
                up.add_metric([name], float(found is not None))
                yield from found or ()
        yield up

    def _ask(self, name: str) -> list[Metric] | None:
        try:
            return list(self._sources[name]())
        except Exception as error:  # whatever a client library raises, the other sources go on
            sys.stderr.write(f"{name} does not answer: {type(error).__name__}: {error}\n")
            return None
