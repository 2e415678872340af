"""Starts and stops a benchmark's own servers, on ports of their own, and makes new topics and buckets."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.local_stack.stack import LocalStack
from pinterest_platform.settings import Settings
from pinterest_platform.stores import kafka, s3

STATE_FOLDER = Path(".state/benchmarks")
# Beside a stack that a person has started, and beside the tests'.
BENCHMARK_SETTINGS = Settings(
    ingest_port=26800,
    kafka_bootstrap_servers="127.0.0.1:26092",
    kafka_controller_port=26093,
    s3_endpoint_url="http://127.0.0.1:26900",
    cassandra_port=26042,
    cassandra_storage_port=26700,
    postgres_port=26432,
    presto_port=26080,
    dagster_port=26300,
    dagster_code_server_port=26400,
    monitoring=False,  # what it costs is measured by itself
    state_folder=STATE_FOLDER,
)


@contextmanager
def running(servers: Iterable[str] | None, settings: Settings = BENCHMARK_SETTINGS) -> Iterator[Settings]:
    """These servers (None: all), empty and healthy; stopped and emptied at the end. Gives what clients connect with."""
    LocalStack(settings).stop()  # what a run that was killed has left
    shutil.rmtree(STATE_FOLDER, ignore_errors=True)
    stack = LocalStack(settings)
    try:
        stack.start(servers)
        yield stack.settings
    finally:
        stack.stop()
        shutil.rmtree(STATE_FOLDER, ignore_errors=True)


def corner_of(settings: Settings) -> Settings:
    """Settings with a new topic and bucket."""
    name = f"b{uuid.uuid4().hex[:12]}"
    own = settings.model_copy(update={"kafka_topic": name, "s3_bucket": name})
    kafka.create_topic(own)
    s3.create_bucket(own)
    return own
