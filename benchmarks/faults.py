"""The faults for `benchmarks.soak`: kills, freezes, stops, a full disk and changed clocks.

Each is a function that causes the fault, ends it and describes it. `soak` chooses their order, and restarts what is
dead after each.
"""

from __future__ import annotations

import re
import signal
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from random import Random

import psutil
from kafka import KafkaProducer
from kafka.errors import InvalidTimestampError

from benchmarks.disk import Disk
from benchmarks.streaming import wait_for_answer
from infra.command_line.dagster_runs import DagsterWeb
from infra.local_stack.processes import descendants, wait_until_gone
from infra.local_stack.stack import LocalStack
from pinterest_platform.connections import kafka_python_options
from pinterest_platform.defs.jobs import BATCH_JOB, STREAM_JOB
from pinterest_platform.pins.calendar import today
from pinterest_platform.settings import Settings
from pinterest_platform_tests.support.dagster import dagster_of, started_runs
from pinterest_platform_tests.support.pins import posted

STORES = ("s3", "cassandra", "postgres", "kafka")
FROZEN_SECONDS = (5, 60)
AWAY_SECONDS = (5, 20, 60, 180)
DISK_FULL_SECONDS = (20, 40)
MINUTES_AHEAD = (30, 120)
_PINS_AHEAD = 20
_RUN_SECONDS = 90.0
_MESSAGES = """query Messages($run: ID!) { logsForRun(runId: $run, limit: 200) {
    ... on EventConnection { events { ... on MessageEvent { message } } } } }"""
_PID = re.compile(r"Started process for run \(pid: (\d+)\)")


@dataclass
class Scene:
    """What faults happen to. `straight` are the records that went into Kafka past the API: place and event."""

    stack: LocalStack
    settings: Settings
    dice: Random
    disk: Disk | None = None
    straight: dict[tuple[int, int], str] = field(default_factory=dict)


Fault = Callable[[Scene], str]


def all_faults(scene: Scene) -> Mapping[str, Fault]:
    """Each by its name, those of the disk where there is one to fill."""
    servers = list(scene.stack.servers)
    faults: dict[str, Fault] = {f"kill {name}": partial(_kill_server, name=name) for name in servers}
    faults |= {f"freeze {name}": partial(_freeze_server, name=name) for name in servers}
    faults |= {f"{name} away": partial(_away, name=name) for name in STORES}
    for job, who in ((STREAM_JOB, "streaming"), (BATCH_JOB, "batch")):
        for part in ("run", "JVM"):
            faults[f"kill {who} {part}"] = partial(_kill_run, job=job, part=part)
            faults[f"freeze {who} {part}"] = partial(_freeze_run, job=job, part=part)
    for minutes in MINUTES_AHEAD:
        faults[f"clock {minutes} min ahead"] = partial(_clock_ahead, minutes=minutes)
    if scene.disk:
        faults["disk full"] = _disk_full
    return faults


def process_of_run(settings: Settings, run_id: str) -> psutil.Process | None:
    """The run's own process, by the pid that it told Dagster."""
    events = dagster_of(settings).ask(_MESSAGES, run=run_id)["logsForRun"].get("events", [])
    found = [match for event in events if (match := _PID.search(event.get("message") or ""))]
    return psutil.Process(int(found[-1][1])) if found else None


def jvm_below(process: psutil.Process) -> psutil.Process | None:
    return next((below for below in descendants(process) if _name(below) == "java"), None)


def _kill_server(scene: Scene, name: str) -> str:
    process = _server(scene, name)
    process.kill()
    wait_until_gone([process], 20)
    seconds = scene.dice.choice((0, 2, 5))
    time.sleep(seconds)
    return f"kill -9, started again {seconds} s later"


def _freeze_server(scene: Scene, name: str) -> str:
    process = _server(scene, name)
    below = [child for child in descendants(process) if not _belongs_to_a_run(child)]
    return _freeze(scene, [process, *below])


def _away(scene: Scene, name: str) -> str:
    process, server = _server(scene, name), scene.stack.servers[name]
    process.send_signal(server.stop_signal)
    for stubborn in wait_until_gone([process], server.stop_seconds):
        stubborn.kill()
    seconds = scene.dice.choice(AWAY_SECONDS)
    time.sleep(seconds)
    return f"stopped, and started again {seconds} s later"


def _kill_run(scene: Scene, job: str, part: str) -> str:
    process = _part_of_a_run(scene, job, part)
    process.kill()
    wait_until_gone([process], 20)
    return "kill -9"


def _freeze_run(scene: Scene, job: str, part: str) -> str:
    return _freeze(scene, [_part_of_a_run(scene, job, part)])


def _disk_full(scene: Scene) -> str:
    if not scene.disk:
        raise ValueError("there is no disk of our own to fill")
    seconds = scene.dice.uniform(*DISK_FULL_SECONDS)
    try:
        filled = scene.disk.fill()
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(1)
            scene.disk.fill()
    finally:
        scene.disk.free()
    return f"no byte free for {seconds:.0f} s, after {filled / 2**20:,.0f} MiB of nothing were written"


def _clock_ahead(scene: Scene, minutes: int) -> str:
    producer = KafkaProducer(**kafka_python_options(scene.settings), acks="all")
    refused, at = 0, int(time.time() * 1_000) + minutes * 60_000
    try:
        for _ in range(_PINS_AHEAD):
            event = str(uuid.uuid4())
            value = posted(unique_id=event, event_id=event)
            try:
                future = producer.send(scene.settings.kafka_topic, key=event.encode(), value=value, timestamp_ms=at)
                placed = future.get(timeout=60)
                scene.straight[placed.partition, placed.offset] = event
            except InvalidTimestampError:
                refused += 1
    finally:
        producer.close(timeout=10)
    return f"{_PINS_AHEAD - refused} records taken by the broker, {refused} refused"


def _freeze(scene: Scene, processes: Iterable[psutil.Process]) -> str:
    seconds, frozen = scene.dice.uniform(*FROZEN_SECONDS), list(processes)
    try:
        for process in frozen:
            _signal(process, signal.SIGSTOP)
        time.sleep(seconds)
    finally:
        for process in reversed(frozen):
            _signal(process, signal.SIGCONT)
    return f"SIGSTOP for {seconds:.0f} s"


def _server(scene: Scene, name: str) -> psutil.Process:
    return wait_for_answer(lambda: scene.stack.process(name), 30, f"process of {name}")


def _part_of_a_run(scene: Scene, job: str, part: str) -> psutil.Process:
    """Of a run under way; of a batch there is one soon after it is asked for."""
    if job == BATCH_JOB and not started_runs(scene.settings, job):
        DagsterWeb(scene.settings).launch(job, today())

    def look() -> psutil.Process | None:
        for run_id in started_runs(scene.settings, job):
            process = process_of_run(scene.settings, run_id)
            if process and process.is_running():
                found = process if part == "run" else jvm_below(process)
                if found:
                    return found
        return None

    return wait_for_answer(look, _RUN_SECONDS, f"{part} of {job}")


def _belongs_to_a_run(process: psutil.Process) -> bool:
    try:
        return process.name() == "java" or "multiprocessing" in " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return True


def _name(process: psutil.Process) -> str:
    try:
        return process.name()
    except psutil.NoSuchProcess:
        return ""


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return
