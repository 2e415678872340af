"""Runs the streaming loop until no records are left. `python -m` runs it in a process with its own session."""

from __future__ import annotations

import time

from pyspark.sql import SparkSession

from pinterest_platform.settings import Settings
from pinterest_platform.stores.java_options import Driver
from pinterest_platform.stores.spark import open_session
from pinterest_platform.stream.lag import stream_lag
from pinterest_platform.stream.loop import Watcher, run_stream

CATCH_UP_SECONDS = 90


def stream_to_the_end(spark: SparkSession, settings: Settings, owner: str = "the test") -> None:
    """Stream what the topic has, then stop."""
    deadline = time.monotonic() + CATCH_UP_SECONDS

    def is_caught_up() -> bool:
        assert time.monotonic() < deadline, "the stream does not catch up"
        return stream_lag(settings) == 0

    run_stream(lambda: spark, settings, owner, Watcher(report=lambda _report: None, until=is_caught_up))


if __name__ == "__main__":
    own = Settings()
    stream_to_the_end(open_session(own, Driver.SMALL_BATCH), own)
