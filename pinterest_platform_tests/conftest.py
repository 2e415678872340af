"""What every kind of test shares: the settings of the tests' own stack, and one Spark session for the process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pyspark.sql import SparkSession

from pinterest_platform.settings import Settings
from pinterest_platform.stores.spark import open_session


@pytest.fixture(scope="session")
def settings() -> Settings:
    return Settings()


@pytest.fixture(scope="session")
def spark(settings: Settings) -> Iterator[SparkSession]:
    session = open_session(settings)
    yield session
    session.stop()
