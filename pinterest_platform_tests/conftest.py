"""Fixtures for all tests: the settings of the tests' own stack (not started here), and one Spark session a process."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from pyspark.sql import SparkSession

from infra.local_stack.settings import LocalStackSettings
from infra.local_stack.stack import LocalStack
from pinterest_platform.stores.java_options import Driver
from pinterest_platform.stores.spark import open_session
from pinterest_platform_tests.support.ports import ports_from, with_ports

# A machine's speed fails no example. CI tries the same examples every time, so that its answer is about the change; a
# person's run, and the benchmarks, look for new ones.
hypothesis.settings.register_profile(
    "pinterest_platform",
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
    derandomize="CI" in os.environ,
)
hypothesis.settings.load_profile("pinterest_platform")

# A shell's background job ignores SIGINT. Dagster, which tests call in this process, would have it ignore SIGTERM too,
# and with it the processes that tests start and end.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

STATE_FOLDER = Path(".state/tests")
# Ports and a folder of the tests' own: they run beside a stack that a person has started.
TEST_SETTINGS = with_ports(
    LocalStackSettings(
        prometheus_scrape_seconds=3,  # the exporter of a PostgreSQL that is away takes more than one second to say so
        retry_delay_seconds=1,
        stream_retention_days=-1,  # tests have days of their own, whenever they run
        state_folder=STATE_FOLDER,
    ),
    ports_from(23000),
)


@pytest.fixture(scope="session")
def test_stack() -> LocalStack:
    """The tests' stack: which servers of it run is up to the tests that need them."""
    return LocalStack(TEST_SETTINGS)


@pytest.fixture(scope="session")
def settings(test_stack: LocalStack) -> LocalStackSettings:
    return test_stack.settings


@pytest.fixture(scope="session")
def spark(settings: LocalStackSettings) -> Iterator[SparkSession]:
    """One for the process: a second session would be the same JVM."""
    session = open_session(settings, Driver.SMALL_BATCH)
    yield session
    session.stop()
