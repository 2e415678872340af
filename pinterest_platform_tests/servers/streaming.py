"""The streaming loop until nothing is left to stream; `python -m` runs it in a process with a session of its own."""

from __future__ import annotations

import time

import pytest
from pyspark.sql import SparkSession

from pinterest_platform.settings import Settings
from pinterest_platform.stores.spark import open_session
from pinterest_platform.stream.lag import stream_lag
from pinterest_platform.stream.query import run_stream

CATCH_UP_SECONDS = 90


class CaughtUpError(Exception):
    """Ends the streaming loop."""


def stream_to_the_end(spark: SparkSession, settings: Settings) -> None:
    """Stream what the topic has, then stop."""
    deadline = time.monotonic() + CATCH_UP_SECONDS

    def report(_activity: object) -> None:
        assert time.monotonic() < deadline, "the stream does not catch up"
        if stream_lag(settings) == 0:
            raise CaughtUpError

    with pytest.raises(CaughtUpError):
        run_stream(spark, settings, report, report_every_seconds=0.2)


if __name__ == "__main__":
    own = Settings()
    stream_to_the_end(open_session(own), own)
