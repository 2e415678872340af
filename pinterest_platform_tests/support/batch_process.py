"""A day's batch in a separate process, so that a test can kill it or its JVM.

`python -m` runs one or more phases of a day without Dagster. `crashed_day` says when to kill it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import date

import psutil
from pyspark.sql import SparkSession

from pinterest_platform.clean_slices.build import read_clean, replace_misdated_slice
from pinterest_platform.landing.landing import land_day
from pinterest_platform.pins.calendar import MISDATED_DAY, PlausibleTimes
from pinterest_platform.serving.pinterest_batch import replace_batch_slices
from pinterest_platform.settings import Settings
from pinterest_platform.stores.java_options import Driver
from pinterest_platform.stores.kafka import open_topic
from pinterest_platform.stores.s3 import open_bucket
from pinterest_platform.stores.spark import open_session
from pinterest_platform.stores.spark_failures import failures_in_words
from pinterest_platform_tests.support.cleaned_day import replace_clean_slice

BATCH = "raw_pins,clean_pins,quarantined_pins,pinterest_batch"
DAGSTER = ("dagster", "asset", "materialize", "-m", "pinterest_platform.definitions", "--select", BATCH, "--partition")
PLAIN = ("pinterest_platform_tests.support.batch_process",)
PHASES = ("land", "clean", "serve")
_JVM_SECONDS = 20


def run_day(
    settings: Settings, day: date, session: Callable[[], SparkSession], phases: Collection[str] = PHASES
) -> None:
    """Land, clean and serve the day, or those of it that are asked for."""
    bucket = open_bucket(settings)
    if "land" in phases:
        with open_topic(settings) as topic:
            land_day(topic, bucket, day, PlausibleTimes.now(settings.first_day))
    with failures_in_words(settings):
        if "clean" in phases:
            if day == MISDATED_DAY:
                replace_misdated_slice(session(), bucket, settings.first_day)
            else:
                replace_clean_slice(session(), bucket, day)
        if "serve" in phases:
            replace_batch_slices(read_clean(session(), bucket, [day]), settings, [day])


class BatchProcess:
    """`python -m` with these arguments, in a session of its own, and the JVM below it."""

    def __init__(self, settings: Settings, *arguments: str) -> None:
        self._output = tempfile.TemporaryFile("w+")  # noqa: SIM115 # as long as the process; a pipe would fill up
        home = settings.state_folder.resolve() / "runs"  # else Dagster leaves a folder here when it is killed
        home.mkdir(parents=True, exist_ok=True)
        own = {"PYTHONWARNINGS": "default", "DAGSTER_HOME": str(home)}
        self._python = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            env=os.environ | settings.environment() | own,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def is_alive(self) -> bool:
        return self._python.poll() is None

    def wait(self, seconds: float) -> int:
        """Its exit code, once it has ended."""
        return self._python.wait(timeout=seconds)

    def output(self) -> str:
        """What it has said up to now."""
        self._output.seek(0)
        return self._output.read()

    def kill(self) -> float:
        """kill -9 of the run's process alone; returns how many seconds later its JVM had ended by itself."""
        below = psutil.Process(self._python.pid).children(recursive=True)
        self._python.kill()
        assert self._python.wait() == -signal.SIGKILL, "it had ended before"
        began = time.monotonic()
        _, left = psutil.wait_procs(below, timeout=_JVM_SECONDS)
        assert not left, f"{left} outlive their run by {_JVM_SECONDS} s"
        return time.monotonic() - began

    def kill_jvm(self) -> None:
        """kill -9 of the JVM: the run's process has to notice."""
        below = psutil.Process(self._python.pid).children(recursive=True)
        [jvm] = [process for process in below if "java" in process.name()]
        jvm.kill()

    def end(self) -> None:
        """Leave no process behind."""
        with suppress(ProcessLookupError):
            os.killpg(self._python.pid, signal.SIGKILL)
        self._python.wait()
        self._output.close()


def told(output: str) -> str:
    """The sentence of the failure, where it is one of the platform's; else the last exception named."""
    lines = [line.strip() for line in output.splitlines()]
    own = [line for line in lines if line.startswith("pinterest_platform.") and "Error: " in line]
    others = [line for line in lines if "Error: " in line or "Exception: " in line]
    return (own or others or ["nothing"])[-1]


@contextmanager
def batch_process(settings: Settings, *arguments: str) -> Iterator[BatchProcess]:
    """The process until the end of the block, and nothing of it afterwards."""
    process = BatchProcess(settings, *arguments)
    try:
        yield process
    finally:
        process.end()


if __name__ == "__main__":
    own = Settings()
    run_day(own, date.fromisoformat(sys.argv[1]), lambda: open_session(own, Driver.SMALL_BATCH), sys.argv[2:])
