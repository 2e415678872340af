"""A Spark standalone cluster on loopback: a master and workers as processes, from pyspark's own jars.

Each executor has its own local folders. The workers' logs tell what they did.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import httpx
import pyspark

from pinterest_platform.settings import Settings
from pinterest_platform_tests.support.ports import free_ports

SPARK_HOME = Path(pyspark.__file__).parent
START_SECONDS = 60
_MASTER, _WORKER = "org.apache.spark.deploy.master.Master", "org.apache.spark.deploy.worker.Worker"


@dataclass(frozen=True)
class SparkCluster:
    """Its master's address, and the folder in which worker 0, 1, … have theirs."""

    master: str
    folder: Path
    workers: int

    def finished_tasks(self) -> list[int]:
        """How many tasks the executors of each worker have finished, by their logs."""
        return [self._finished_tasks(number) for number in range(self.workers)]

    def _finished_tasks(self, worker: int) -> int:
        logs = (self.folder / f"work-{worker}").glob("app-*/*/stderr")
        return sum(log.read_text().count("Finished task") for log in logs)


@contextmanager
def spark_cluster(settings: Settings, folder: Path, workers: int = 2) -> Iterator[SparkCluster]:
    """A cluster with one core a worker, up until the end of the block."""
    port, web_port = free_ports(2)
    cluster = SparkCluster(f"spark://127.0.0.1:{port}", folder, workers)
    with ExitStack() as processes:
        log = processes.enter_context((folder / "cluster.log").open("wb"))
        master = ("--port", str(port), "--webui-port", str(web_port))
        processes.enter_context(_running(settings, log, _MASTER, *master))
        _wait_for_workers(web_port, 0)
        for number in range(workers):
            own = (
                "--cores",
                "1",
                "--memory",
                "768M",
                "--work-dir",
                str(folder / f"work-{number}"),
                "--webui-port",
                "0",
            )
            processes.enter_context(_running(settings, log, _WORKER, *own, cluster.master))
        _wait_for_workers(web_port, workers)
        yield cluster


@contextmanager
def _running(settings: Settings, log: IO[bytes], main: str, *arguments: str) -> Iterator[None]:
    environment = os.environ | {
        "JAVA_HOME": str(settings.java_home),
        "SPARK_HOME": str(SPARK_HOME),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_DAEMON_MEMORY": "192m",
        "SPARK_DAEMON_JAVA_OPTS": "-XX:TieredStopAtLevel=1",
    }
    command = [str(SPARK_HOME / "bin" / "spark-class"), main, "--host", "127.0.0.1", *arguments]
    process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.terminate()  # a worker ends its executors
        process.wait(timeout=20)


def _wait_for_workers(web_port: int, workers: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    with httpx.Client(trust_env=False, timeout=5) as client:
        while True:
            try:
                if client.get(f"http://127.0.0.1:{web_port}/json/").json()["aliveworkers"] == workers:
                    return
            except httpx.TransportError:
                pass
            assert time.monotonic() < deadline, f"the cluster has not got {workers} workers"
            time.sleep(0.2)
