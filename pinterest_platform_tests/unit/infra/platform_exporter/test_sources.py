from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric

from infra.platform_exporter.sources import Sources


def answering() -> Iterator[Metric]:
    yield GaugeMetricFamily("pins", "A number.", 7)


def breaking_off() -> Iterator[Metric]:
    yield GaugeMetricFamily("half", "A number that came before the rest did not.", 1)
    raise ConnectionRefusedError("nobody listens")


def scrape(sources: Sources) -> str:
    registry = CollectorRegistry()
    registry.register(sources)
    return generate_latest(registry).decode()


def test_a_source_that_is_away_takes_nothing_from_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    text = scrape(Sources({"dagster": breaking_off, "stream": answering}))

    assert "\npins 7.0\n" in text
    assert 'platform_source_up{source="dagster"} 0.0' in text
    assert 'platform_source_up{source="stream"} 1.0' in text
    assert "dagster does not answer: ConnectionRefusedError: nobody listens" in capsys.readouterr().err


def test_a_source_that_breaks_off_shows_nothing() -> None:
    assert "half" not in scrape(Sources({"dagster": breaking_off}))


def test_the_exporter_stays_small_it_loads_neither_spark_nor_dagster() -> None:
    program = "import sys, infra.platform_exporter.__main__; print(sorted({'pyspark', 'dagster'} & set(sys.modules)))"

    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert loaded.stdout.strip() == "[]"
