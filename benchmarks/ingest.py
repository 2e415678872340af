"""Acknowledged events per second through the ingest API, one by one and in batches, compared with two simple APIs.

Run it with `.venv/bin/python -m benchmarks.ingest`. Broker, API and client share the machine; every figure is of one
run. An event counts if its request was answered with 200 (`answers_at_once` answers before Kafka does). The topic is
then checked for what it really has.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import psutil

from benchmarks.measured import cpu_seconds
from benchmarks.record import record
from benchmarks.stack import BENCHMARK_SETTINGS, running
from benchmarks.streaming import wait_for, wait_for_answer
from infra.local_stack.stack import LocalStack
from pinterest_platform.settings import Settings
from pinterest_platform.stores.kafka import create_topic, open_topic

OURS = "this API"
APIS = {
    OURS: ["-m", "ingest_api"],
    "answers_at_once": ["-m", "benchmarks.ingest_peers", "answers_at_once"],
    "waits": ["-m", "benchmarks.ingest_peers", "waits"],
}
EVERY_BATCH = 100
TARGETS = {
    (1, "acknowledged events a second"): ">= 5000",
    (1, "p99"): "< 75",
    (EVERY_BATCH, "acknowledged events a second"): ">= 40000",
}
WARM_UP_SECONDS = 4


@dataclass(frozen=True)
class Shape:
    """How a client posts."""

    name: str
    batch: int
    connections: int


SHAPES = (Shape("one by one", 1, 128), Shape(f"batches of {EVERY_BATCH}", EVERY_BATCH, 16))


def main() -> None:
    options = _options()
    with running(["kafka"]) as settings:
        broker = wait_for_answer(lambda: LocalStack(BENCHMARK_SETTINGS).process("kafka"), 10, "broker")
        warm_up(settings)
        for shape in SHAPES:
            if options.shape in ("all", "single" if shape.batch == 1 else "batch"):
                figures = {name: measure(settings, broker, name, shape, options.seconds) for name in options.apis}
                record_beside_peers(shape, figures)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=15, help="of each measurement, after a warm-up of 3 s")
    parser.add_argument("--apis", nargs="+", choices=APIS, default=list(APIS))
    parser.add_argument("--shape", choices=["all", "single", "batch"], default="all")
    return parser.parse_args()


def warm_up(settings: Settings) -> None:
    """Until the broker's Java has compiled what it runs: else the first API that is measured pays for it."""
    own = own_topic(settings)
    with served(own, APIS["this API"]):
        for shape in SHAPES:
            _load(own, shape, WARM_UP_SECONDS)


def measure(
    settings: Settings, broker: psutil.Process, name: str, shape: Shape, seconds: float
) -> dict[str, tuple[float, str]]:
    """Prints and returns the figures, each by name with its unit."""
    own = own_topic(settings)
    with served(own, APIS[name]) as api:
        before = (cpu_seconds(api), cpu_seconds(broker))
        seen = _load(own, shape, seconds)
        cpu = [cpu_seconds(api) - before[0], cpu_seconds(broker) - before[1]]
    with open_topic(own) as topic:
        stored = sum(topic.end_offsets().values())
    # The warm-up's events cost CPU too: per event stored, not per event counted.
    costs = [1e6 * seconds / max(stored, 1) for seconds in cpu]
    _show(name, shape, seen, costs, stored)
    return {
        "acknowledged events a second": (seen["events"] / seen["seconds"], "events/s"),
        "p50": (seen["p50_ms"], "ms"),
        "p99": (seen["p99_ms"], "ms"),
        "CPU of the API an event": (costs[0], "us"),
        "CPU of the broker an event": (costs[1], "us"),
    }


def record_beside_peers(shape: Shape, figures: dict[str, dict[str, tuple[float, str]]]) -> None:
    """Records nothing where only peers were measured."""
    for figure, (value, unit) in figures.get(OURS, {}).items():
        peer = {name: measured[figure][0] for name, measured in figures.items() if name != OURS}
        record("ingest", f"{shape.name}: {figure}", value, unit, target=TARGETS.get((shape.batch, figure)), peer=peer)


def _show(name: str, shape: Shape, seen: dict[str, Any], costs: list[float], stored: int) -> None:
    print(
        f"{shape.name:<15} {name:<16} {seen['events'] / seen['seconds']:8,.0f} events/s"
        f"  p50 {seen['p50_ms']:6.1f} ms  p99 {seen['p99_ms']:6.1f} ms  CPU an event: API {costs[0]:6.1f} us,"
        f" broker {costs[1]:5.1f} us  stored {stored:,}  statuses {seen['statuses']}",
        flush=True,
    )


def own_topic(settings: Settings) -> Settings:
    """Settings with a new topic."""
    own = settings.model_copy(update={"kafka_topic": f"b{uuid.uuid4().hex[:12]}"})
    create_topic(own)
    return own


@contextmanager
def served(settings: Settings, command: Sequence[str]) -> Iterator[psutil.Process]:
    """The API, running; stopped at the end."""
    environment = os.environ | settings.environment()
    process = subprocess.Popen([sys.executable, *command], env=environment)
    try:
        wait_for(lambda: httpx.get(f"{url_of(settings)}/openapi.json").status_code == 200, 30, "answer of the API")
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(timeout=20)


def url_of(settings: Settings) -> str:
    return f"http://{settings.ingest_host}:{settings.ingest_port}"


def _load(settings: Settings, shape: Shape, seconds: float) -> dict[str, Any]:
    line = [sys.executable, "-m", "benchmarks.ingest_load", "--port", str(settings.ingest_port)]
    line += ["--connections", str(shape.connections), "--batch", str(shape.batch), "--seconds", str(seconds)]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


if __name__ == "__main__":
    main()
