"""Metrics of the disk that holds the stack's data."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric

from pinterest_platform.settings import Settings


class DiskFigures:
    """The disk with the state folder."""

    def __init__(self, settings: Settings) -> None:
        self._folder = settings.state_folder

    def collect(self) -> Iterator[Metric]:
        """Free space and total size in bytes."""
        usage = shutil.disk_usage(self._folder)
        yield GaugeMetricFamily("platform_disk_free_bytes", "Free space on the disk with the stack's data.", usage.free)
        yield GaugeMetricFamily("platform_disk_size_bytes", "Size of the disk with the stack's data.", usage.total)
