"""Measures a piece of work: its duration, the CPU seconds of this process and its JVM, and their peak memory."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

import psutil

from pinterest_platform_tests.support.waiting import repeated

MIB = 1024 * 1024
_SAMPLE_SECONDS = 0.25
Result = TypeVar("Result")


@dataclass(frozen=True)
class Measured(Generic[Result]):
    """`cpu_seconds` has those of Spark's JVM too."""

    result: Result
    seconds: float
    cpu_seconds: float


def measure(work: Callable[[], Result]) -> Measured[Result]:
    """Do the work once."""
    clock, cpu = time.monotonic(), cpu_seconds_of_all(_family(psutil.Process()))
    result = work()
    return Measured(result, time.monotonic() - clock, cpu_seconds_of_all(_family(psutil.Process())) - cpu)


@dataclass
class PeakMemory:
    """The largest proportional set size of a process and all below it, in MiB, seen so far."""

    mib: float = 0.0


@contextmanager
def watched_memory(pid: int) -> Iterator[PeakMemory]:
    """Samples the process and its children four times a second while the block lasts."""
    peak = PeakMemory()

    def look() -> None:
        peak.mib = max(peak.mib, _memory_mib(pid))

    with repeated(look, _SAMPLE_SECONDS):
        yield peak


def cpu_seconds(process: psutil.Process) -> float:
    """What the process has used so far; raises psutil.NoSuchProcess where it has ended."""
    times = process.cpu_times()
    return float(times.user + times.system)


def cpu_seconds_of_all(processes: Iterable[psutil.Process]) -> float:
    """The same of several, without those that have ended."""
    total = 0.0
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            total += cpu_seconds(process)
    return total


def _memory_mib(pid: int) -> float:
    total = 0.0
    with suppress(psutil.NoSuchProcess):
        for process in _family(psutil.Process(pid)):
            with suppress(psutil.NoSuchProcess):
                total += process.memory_full_info().pss / MIB
    return total


def _family(process: psutil.Process) -> list[psutil.Process]:
    """The process and its children, Spark's JVM among them; not the servers, which have sessions of their own."""
    return [process, *(child for child in process.children(recursive=True) if _session(child) == _session(process))]


def _session(process: psutil.Process) -> int | None:
    with suppress(ProcessLookupError):
        return os.getsid(process.pid)
    return None
