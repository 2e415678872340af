"""The time from the API's 200 to the committed row, memory over time, and how fast the stream catches up.

Run it with `.venv/bin/python -m benchmarks.stream_latency --minutes 10`. It starts the whole platform on its own ports,
runs a batch once meanwhile, and writes `docs/pictures/stream_latency.png` and `stream_memory.png`.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from matplotlib.figure import Figure

from benchmarks.record import record
from benchmarks.stack import BENCHMARK_SETTINGS, running
from benchmarks.streaming import (
    Acknowledgements,
    posting,
    stored,
    streaming_run,
    wait_for,
    wait_for_answer,
)
from infra.command_line.dagster_runs import DagsterWeb
from infra.local_stack.stack import LocalStack
from ingest_api.emulator.history import History, post_history
from pinterest_platform.defs.jobs import BATCH_JOB, STREAM_JOB
from pinterest_platform.pins.calendar import today
from pinterest_platform.settings import Settings
from pinterest_platform.stores.postgres import connect
from pinterest_platform.stream.lag import stream_lag
from pinterest_platform_tests.support.dagster import UNFINISHED, runs_of, switch_sensor
from pinterest_platform_tests.support.waiting import repeated

PICTURES = Path("docs/pictures")
WARM_UP_SECONDS = 180  # the JVM compiles what it finds hot: its first minutes are not those of a service that runs on
SAMPLE_SECONDS = 5
TARGETS = {"p50": "<= 0.5", "p95": "<= 1"}
MIB = 1024 * 1024
_COMMITTED = """
    SELECT kafka_partition, kafka_offset, extract(epoch FROM pg_xact_commit_timestamp(xmin))::float8
    FROM pinterest_stream WHERE ingest_date >= %s"""


def main() -> None:
    options = _options()
    with running(None) as settings:
        stack = LocalStack(BENCHMARK_SETTINGS)
        _warm_up(settings, options.rate)
        count = int(options.minutes * 60 * options.rate)
        with sampling_memory(stack) as samples, posting(settings, count, options.rate) as seen:
            if options.batch:
                threading.Thread(target=_run_batch, args=(settings, options.minutes * 30), daemon=True).start()
        wait_for(lambda: stream_lag(settings) == 0, 120, "end of the lag")
        beside = ", a batch run beside it" if options.batch else ""
        _show_latency(settings, seen, options.pictures, beside)
        _show_memory(samples, options.pictures)
        if options.catch_up:
            _catch_up(settings, options.catch_up)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--rate", type=float, default=500)
    parser.add_argument("--catch-up", type=int, default=200_000, help="records that wait while the stream is off")
    parser.add_argument("--no-batch", dest="batch", action="store_false", help="no batch run in between")
    parser.add_argument("--pictures", type=Path, default=PICTURES)
    return parser.parse_args()


def _warm_up(settings: Settings, rate: float) -> None:
    switch_sensor(settings, "new_pins_in_kafka", on=False)  # batch runs when we say so: else they would come at random
    count = int(WARM_UP_SECONDS * rate)
    with posting(settings, count, rate):
        pass
    wait_for(lambda: stored(settings) == count, 120, "stream")


def _run_batch(settings: Settings, after_seconds: float) -> None:
    time.sleep(after_seconds)
    began = time.monotonic()
    status = DagsterWeb(settings).follow(DagsterWeb(settings).launch(BATCH_JOB, today()))
    seconds = time.monotonic() - began
    print(f"a batch run of today in between: {status} after {seconds:.0f} s", flush=True)
    record("stream_latency", "a batch run of today in between", seconds, "s", note=f"it ended with {status}")


@contextmanager
def sampling_memory(stack: LocalStack) -> Iterator[list[tuple[float, float, float]]]:
    """Minutes since the start, and MiB of the run's Python and of its JVM (resident), every few seconds."""
    samples: list[tuple[float, float, float]] = []
    began = time.monotonic()
    run = wait_for_answer(lambda: streaming_run(stack), 60, "streaming run")

    def sample() -> None:
        with suppress(psutil.NoSuchProcess):
            worker, jvm = run.worker.memory_info().rss, run.jvm.memory_info().rss
            samples.append(((time.monotonic() - began) / 60, worker / MIB, jvm / MIB))

    with repeated(sample, SAMPLE_SECONDS):
        yield samples


def _show_latency(settings: Settings, seen: Acknowledgements, pictures: Path, beside: str) -> None:
    with closing(connect(settings)) as connection:
        rows: list[Any] = connection.execute(_COMMITTED, [today() - timedelta(days=1)]).fetchall()
    commits = {(partition, offset): at for partition, offset, at in rows}
    missing = [coordinates for coordinates in seen.times if coordinates not in commits]
    pairs = [(at, commits[coordinates] - at) for coordinates, at in seen.times.items() if coordinates in commits]
    times, latencies = (np.array(column) for column in zip(*pairs, strict=True))
    p50, p95, p99, worst = np.percentile(latencies, [50, 95, 99, 100])
    print(f"{len(pairs):,} acknowledged posts in {np.ptp(times):.0f} s, {len(missing)} of them without a row.")
    print(f"API's 200 to committed row: p50 {p50:.3f} s, p95 {p95:.3f} s, p99 {p99:.3f} s, worst {worst:.2f} s")
    record("stream_latency", f"acknowledged posts{beside}", len(seen.times), "posts")
    record("stream_latency", f"every acknowledged post has a row{beside}", not missing)
    for name, value in (("p50", p50), ("p95", p95), ("p99", p99), ("worst", worst)):
        record("stream_latency", f"{name}{beside}", value, "s", target=TARGETS.get(name))
    minutes = ((times - times.min()) // 60).astype(int)
    halves, mosts = [], []
    for minute in range(minutes.max() + 1):
        of_minute = latencies[minutes == minute]
        if len(of_minute):
            half, most = np.percentile(of_minute, [50, 95])
            print(f"  minute {minute + 1:2}: {len(of_minute) / 60:5.0f} rows/s, p50 {half:.3f} s, p95 {most:.3f} s")
            halves.append(half)
            mosts.append(most)
    record("stream_latency", f"p50 by minutes{beside}", (min(halves), max(halves)), "s")
    record("stream_latency", f"p95 by minutes{beside}", (min(mosts), max(mosts)), "s")
    _draw_latency(latencies, (p50, p95, p99), pictures / "stream_latency.png")


def _draw_latency(latencies: Any, percentiles: Sequence[float], file: Path) -> None:
    figure = Figure(figsize=(8, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.hist(latencies, bins=120, range=(0, max(1.5, percentiles[2] * 1.2)), color="#4c78a8")
    for value, name in zip(percentiles, ("p50", "p95", "p99"), strict=True):
        axes.axvline(value, color="#e45756", linewidth=1)
        axes.annotate(f"{name} {value:.2f} s", (value, 0.95), xycoords=("data", "axes fraction"), fontsize=8)
    axes.set_xlabel("seconds from the API's 200 to the committed row")
    axes.set_ylabel("posts")
    axes.set_title(f"{len(latencies):,} posts, the whole platform on two cores", fontsize=10)
    figure.savefig(file, dpi=120)


def _show_memory(samples: Sequence[tuple[float, float, float]], pictures: Path) -> None:
    minutes, worker, jvm = (np.array(column) for column in zip(*samples, strict=True))
    third = len(minutes) // 3
    for name, values in (("Python", worker), ("JVM", jvm)):
        first, last = values[third : 2 * third].mean(), values[2 * third :].mean()
        print(f"memory of the run, {name}: {first:.0f} MiB in the second third, {last:.0f} MiB in the last one")
        record("stream_latency", f"memory of the run, {name}", last, "MiB", peer={"in the second third": first})
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    axes = figure.subplots()
    axes.plot(minutes, jvm, label="Spark's JVM", color="#4c78a8")
    axes.plot(minutes, worker, label="the run's Python", color="#f58518")
    axes.set_xlabel("minutes")
    axes.set_ylabel("resident MiB")
    axes.set_ylim(bottom=0)
    axes.legend()
    figure.savefig(pictures / "stream_memory.png", dpi=120)


def _catch_up(settings: Settings, records: int) -> None:
    switch_sensor(settings, "keep_streaming", on=False)
    seconds = wait_for(lambda: not runs_of(settings, STREAM_JOB, UNFINISHED), 30, "end of the run")
    print(f"switched off: the run ended after {seconds:.1f} s")
    record("stream_latency", "end of the run that is switched off", seconds, "s")
    before = stored(settings)
    post_history(settings, History(today() - timedelta(days=1), days=1, pins_a_day=records))
    switch_sensor(settings, "keep_streaming", on=True)
    wait_for(lambda: stored(settings) > before, 90, "row after the pause")
    first, began = stored(settings), time.monotonic()
    wait_for(lambda: stored(settings) == before + records, 300, "end of the catch-up")
    seconds = time.monotonic() - began
    done = before + records - first
    print(f"catch-up after a pause: {done:,} records in {seconds:.1f} s, {done / seconds:,.0f} rows/s")
    record("stream_latency", "catch-up after a pause", done / seconds, "rows/s", target=">= 8000")


if __name__ == "__main__":
    main()
