"""How much room is left where the stack keeps its data."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric

from pinterest_platform.settings import Settings


class DiskFigures:
    """The disk below the state folder."""

    def __init__(self, settings: Settings) -> None:
        self._folder = settings.state_folder

    def collect(self) -> Iterator[Metric]:
        """Free and whole size in bytes."""
        usage = shutil.disk_usage(self._folder)
        yield GaugeMetricFamily("platform_disk_free_bytes", "Free where the stack keeps its data.", usage.free)
        yield GaugeMetricFamily("platform_disk_size_bytes", "Size of the disk with the stack's data.", usage.total)
